#include "quant/import/onnx/resize_axis.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fxp::quant::onnx_import {

namespace {

/// The place in the input that a place in the output looks at: ONNX's operator Resize, coordinate_transformation_mode.
double coordinate(const AxisResize& how, std::int64_t place) {
    const auto x = static_cast<double>(place), from = static_cast<double>(how.from), to = static_cast<double>(how.to);
    if (how.coordinates == "align_corners")
        return how.to == 1 ? 0 : x * (from - 1) / (to - 1);
    if (how.coordinates == "asymmetric")
        return x / how.scale;
    if (how.coordinates == "tf_half_pixel_for_nn")
        return (x + 0.5) / how.scale;
    if (how.coordinates == "pytorch_half_pixel")
        return how.to > 1 ? (x + 0.5) / how.scale - 0.5 : 0;
    if (how.coordinates == "tf_crop_and_resize")
        return how.to > 1 ? how.regionStart * (from - 1) + x * (how.regionEnd - how.regionStart) * (from - 1) / (to - 1)
                          : 0.5 * (how.regionStart + how.regionEnd) * (from - 1);
    if (how.coordinates == "half_pixel_symmetric") {
        const double adjustment = to / (how.scale * from), centre = from / 2;
        return centre * (1 - adjustment) + (x + 0.5) / how.scale - 0.5;
    }
    return (x + 0.5) / how.scale - 0.5;
}

double cubicWeight(double distance, double a) {
    const double x = std::abs(distance);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

double weight(const AxisResize& how, double distance) {
    return how.mode == "cubic" ? cubicWeight(distance, how.cubic) : std::max(0.0, 1 - std::abs(distance));
}

} // namespace

std::vector<std::int64_t> nearestPlaces(const AxisResize& how) {
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < how.to; ++i) {
        const double x = coordinate(how, i);
        double found = std::ceil(x - 0.5); // round_prefer_floor
        if (how.rounding == "round_prefer_ceil")
            found = std::floor(x + 0.5);
        else if (how.rounding == "floor")
            found = std::floor(x);
        else if (how.rounding == "ceil")
            found = std::ceil(x);
        places.push_back(static_cast<std::int64_t>(std::clamp(found, 0.0, static_cast<double>(how.from - 1))));
    }
    return places;
}

at::Tensor resizeMatrix(const AxisResize& how) {
    at::Tensor matrix = at::zeros({how.to, how.from});
    auto cells = matrix.accessor<float, 2>();
    // An antialiasing filter is stretched where the axis shrinks.
    const double stretch = how.antialias ? std::min(how.scale, 1.0) : 1.0;
    const double reach = (how.mode == "cubic" ? 2.0 : 1.0) / stretch;
    for (std::int64_t i = 0; i < how.to; ++i) {
        const double x = coordinate(how, i);
        std::vector<double> shares(static_cast<std::size_t>(how.from), 0);
        double sum = 0;
        for (auto j = static_cast<std::int64_t>(std::floor(x - reach)); static_cast<double>(j) <= x + reach; ++j) {
            const bool outside = j < 0 || j >= how.from;
            if (outside && (how.excludeOutside || how.antialias))
                continue;
            const double share = weight(how, (static_cast<double>(j) - x) * stretch);
            shares[static_cast<std::size_t>(std::clamp<std::int64_t>(j, 0, how.from - 1))] += share;
            sum += share;
        }
        for (std::int64_t j = 0; j < how.from; ++j)
            cells[i][j] = static_cast<float>(sum == 0 ? 0 : shares[static_cast<std::size_t>(j)] / sum);
    }
    return matrix;
}

std::vector<std::int64_t> outsidePlaces(const AxisResize& how) {
    std::vector<std::int64_t> outside;
    for (std::int64_t i = 0; i < how.to; ++i) {
        const double x = coordinate(how, i);
        outside.push_back(x < 0 || x > static_cast<double>(how.from - 1) ? 1 : 0);
    }
    return outside;
}

} // namespace fxp::quant::onnx_import
