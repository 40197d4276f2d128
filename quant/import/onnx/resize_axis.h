#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fxp::quant::onnx_import {

/// How one axis is resized; the words are those of ONNX's operator Resize.
struct AxisResize {
    std::int64_t from = 1, to = 1;
    double scale = 1;
    std::string mode;        ///< nearest, linear, cubic
    std::string coordinates; ///< half_pixel, …
    std::string rounding;    ///< of nearest: round_prefer_floor, …
    double cubic = -0.75;
    bool excludeOutside = false, antialias = false;
    double regionStart = 0, regionEnd = 1;
};

/// Which element stands at each of the `to` places.
std::vector<std::int64_t> nearestPlaces(const AxisResize& how);
/// [to, from]: the share of each element in each place.
at::Tensor resizeMatrix(const AxisResize& how);
/// 1 for the places whose coordinate lies beyond the axis (tf_crop_and_resize), else 0.
std::vector<std::int64_t> outsidePlaces(const AxisResize& how);

} // namespace fxp::quant::onnx_import
