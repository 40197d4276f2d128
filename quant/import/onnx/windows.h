#pragma once

#include "quant/import/onnx/node_run.h"

#include <cstdint>
#include <vector>

namespace fxp::quant::onnx_import {

/// How a convolution or pooling walks over the spatial dimensions: each list has one number to a dimension.
struct Windows {
    std::vector<std::int64_t> kernel, stride, dilation, before, after; ///< `before`, `after`: padding

    bool isSymmetric() const { return before == after; }
    /// The padding as aten::constant_pad_nd takes it: the last dimension first.
    std::vector<std::int64_t> pads() const;
};

/// From the attributes kernel_shape, strides, dilations, pads and auto_pad. `kernel`: where the attribute is missing.
Windows windowsOf(const NodeRun& node, at::IntArrayRef spatial, std::vector<std::int64_t> kernel);

} // namespace fxp::quant::onnx_import
