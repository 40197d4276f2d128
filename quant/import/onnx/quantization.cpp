#include "quant/import/onnx/convolutions.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <array>

// Operators on quantized integers. Integers are held as such between nodes; products of them are sums of floats, which
// are exact up to 2^24.
namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;

/// A scale or zero point of blocks along the axis, as one for each element of x.
at::Tensor fromBlocks(NodeRun& node, const at::Tensor& parameter, const at::Tensor& x) {
    const std::int64_t block = node.integer("block_size", 0);
    if (block <= 0 || parameter.dim() != x.dim())
        return parameter;
    const std::int64_t axis = node.axis(node.integer("axis", 1), x.dim());
    if (parameter.size(axis) != (x.size(axis) + block - 1) / block)
        node.fail("has a scale or a zero point for another number of blocks than its input's");
    const at::Tensor each = node.op("aten::repeat_interleave.self_int", {parameter, block, axis});
    return node.slice(each, axis, 0, x.size(axis));
}

/// A scale or zero point [C] along an axis of a tensor of `rank` dimensions; of one element, and any other shape, as it
/// is.
at::Tensor along(NodeRun& node, const at::Tensor& parameter, std::int64_t axis, std::int64_t rank) {
    if (parameter.dim() != 1 || parameter.numel() == 1)
        return parameter.numel() == 1 ? node.reshape(parameter, {}) : parameter;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(rank), 1);
    shape[static_cast<std::size_t>(axis)] = -1;
    return node.reshape(parameter, shape);
}

at::Tensor asFloat(NodeRun& node, const at::Tensor& x) {
    return node.cast(x, at::kFloat);
}

/// round(x / scale) + zero point, ties to even, within the type.
at::Tensor quantized(NodeRun& node, const at::Tensor& x, const at::Tensor& scale, const at::Tensor& zero,
                     std::int32_t type) {
    at::Tensor q = node.op("aten::round", {node.div(x, scale)});
    if (zero.defined())
        q = node.add(q, asFloat(node, zero));
    const IntegerRange range = rangeOf(type);
    q = node.op("aten::clamp", {q, static_cast<double>(range.low), static_cast<double>(range.high)});
    return node.cast(q, storageOf(type));
}

void quantize(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis =
        node.in(1).dim() == 1 && node.in(1).numel() > 1 ? node.axis(node.integer("axis", 1), x.dim()) : 0;
    const std::int32_t type =
        node.has(2) ? node.typeOf(2) : static_cast<std::int32_t>(node.integer("output_dtype", Proto::UINT8));
    const at::Tensor zero = node.has(2) ? fromBlocks(node, along(node, node.in(2), axis, x.dim()), x) : at::Tensor();
    const at::Tensor scale = fromBlocks(node, along(node, node.in(1), axis, x.dim()), x);
    node.out(quantized(node, asFloat(node, x), scale, zero, type), type);
}

void dequantize(NodeRun& node) {
    at::Tensor x = asFloat(node, node.in(0));
    const std::int64_t axis =
        node.in(1).dim() == 1 && node.in(1).numel() > 1 ? node.axis(node.integer("axis", 1), x.dim()) : 0;
    if (node.has(2))
        x = node.sub(x, asFloat(node, fromBlocks(node, along(node, node.in(2), axis, x.dim()), x)));
    node.out(node.mul(x, fromBlocks(node, along(node, node.in(1), axis, x.dim()), x)), Proto::FLOAT);
}

void dynamicQuantize(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const at::Tensor zero = at::zeros({});
    const at::Tensor low = node.op("aten::minimum", {node.op("aten::min", {x}), zero});
    const at::Tensor high = node.op("aten::maximum", {node.op("aten::max", {x}), zero});
    const at::Tensor scale = node.op("aten::div.Scalar", {node.sub(high, low), 255.0});
    at::Tensor point = node.op("aten::round", {node.op("aten::neg", {node.div(low, scale)})});
    point = node.op("aten::clamp", {point, 0.0, 255.0});
    node.out(quantized(node, x, scale, point, Proto::UINT8), Proto::UINT8);
    node.out(scale, Proto::FLOAT);
    node.out(node.cast(point, at::kByte), Proto::UINT8);
}

/// An operand less its zero point.
at::Tensor centred(NodeRun& node, std::size_t operand, std::size_t zero, std::int64_t axis) {
    const at::Tensor x = asFloat(node, node.in(operand));
    if (!node.has(zero))
        return x;
    at::Tensor point = node.in(zero);
    // One for each row of the first factor, or for each column of the second.
    point = point.dim() == 1 && point.numel() > 1 ? along(node, point, axis, x.dim())
            : point.numel() == 1                  ? node.reshape(point, {})
                                                  : point;
    return node.sub(x, asFloat(node, point));
}

void matmulInteger(NodeRun& node) {
    const std::int64_t rank = node.in(0).dim();
    const at::Tensor a = centred(node, 0, 2, rank - 2), b = centred(node, 1, 3, node.in(1).dim() - 1);
    node.out(node.cast(node.op("aten::matmul", {a, b}), at::kInt), Proto::INT32);
}

void convInteger(NodeRun& node) {
    const at::Tensor y = convolved(node, centred(node, 0, 2, 1), centred(node, 1, 3, 0), {});
    node.out(node.cast(y, at::kInt), Proto::INT32);
}

void qlinearMatmul(NodeRun& node) {
    const at::Tensor a = centred(node, 0, 2, node.in(0).dim() - 2), b = centred(node, 3, 5, node.in(3).dim() - 1);
    const at::Tensor product = node.op("aten::matmul", {a, b});
    const at::Tensor scaled = node.mul(product, node.mul(along(node, node.in(1), product.dim() - 2, product.dim()),
                                                         along(node, node.in(4), product.dim() - 1, product.dim())));
    node.out(quantized(node, scaled, along(node, node.in(6), product.dim() - 2, product.dim()),
                       along(node, node.in(7), product.dim() - 2, product.dim()), node.typeOf(7)),
             node.typeOf(7));
}

void qlinearConv(NodeRun& node) {
    const at::Tensor bias = node.has(8) ? asFloat(node, node.in(8)) : at::Tensor();
    const at::Tensor y = convolved(node, centred(node, 0, 2, 1), centred(node, 3, 5, 0), bias);
    const at::Tensor scale = node.mul(along(node, node.in(1), 1, y.dim()), along(node, node.in(4), 1, y.dim()));
    node.out(quantized(node, node.mul(y, scale), along(node, node.in(6), 1, y.dim()),
                       along(node, node.in(7), 1, y.dim()), node.typeOf(7)),
             node.typeOf(7));
}

constexpr std::array kOperators{
    OperatorEntry{"ConvInteger", convInteger},
    OperatorEntry{"DequantizeLinear", dequantize},
    OperatorEntry{"DynamicQuantizeLinear", dynamicQuantize},
    OperatorEntry{"MatMulInteger", matmulInteger},
    OperatorEntry{"QLinearConv", qlinearConv},
    OperatorEntry{"QLinearMatMul", qlinearMatmul},
    OperatorEntry{"QuantizeLinear", quantize},
};

} // namespace

std::span<const OperatorEntry> quantizationOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
