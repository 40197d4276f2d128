#include "quant/core/error.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

// Operators that make tensors of numbers that the file or a shape gives.
namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;
using Integers = std::vector<std::int64_t>;

/// More elements than any shape of a network has, and fewer than would fill the machine.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 32;

void constant(NodeRun& node) {
    std::int32_t type = 0;
    const at::Tensor tensor = node.tensorAttribute("value", &type);
    if (tensor.defined()) {
        node.out(tensor, type);
    } else if (node.hasAttribute("value_float")) {
        node.out(at::scalar_tensor(node.real("value_float", 0), at::kFloat), Proto::FLOAT);
    } else if (node.hasAttribute("value_int")) {
        node.out(at::scalar_tensor(node.integer("value_int", 0), at::kLong), Proto::INT64);
    } else if (node.hasAttribute("value_floats")) {
        node.out(at::tensor(node.reals("value_floats"), at::kFloat), Proto::FLOAT);
    } else if (node.hasAttribute("value_ints")) {
        node.out(at::tensor(node.integers("value_ints"), at::kLong), Proto::INT64);
    } else {
        node.fail("has a value of a kind that is not supported", "export the model without texts and sparse tensors");
    }
}

void constantOfShape(NodeRun& node) {
    const Integers shape = node.integersOf(0);
    std::int64_t count = 1;
    for (const std::int64_t size : shape) {
        if (size < 0 || __builtin_mul_overflow(count, size, &count) || count > kMaxElements)
            node.fail("makes a tensor of an impossible shape");
    }
    std::int32_t type = Proto::FLOAT;
    const at::Tensor value = node.tensorAttribute("value", &type);
    node.out(value.defined() ? at::full(shape, value.reshape({}).item(), value.options()) : at::zeros(shape), type);
}

void range(NodeRun& node) {
    const double start = node.realsOf(0).at(0), limit = node.realsOf(1).at(0), step = node.realsOf(2).at(0);
    if (step == 0)
        node.fail("has a step of 0");
    const double count = std::max(std::ceil((limit - start) / step), 0.0);
    if (!(count <= static_cast<double>(kMaxElements)))
        node.fail("makes a tensor of an impossible shape");
    const at::Tensor places = at::arange(static_cast<std::int64_t>(count));
    node.out(places.to(at::kDouble).mul(step).add(start).to(storageOf(node.typeOf(0))), node.typeOf(0));
}

void eyeLike(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const auto type = static_cast<std::int32_t>(node.integer("dtype", node.typeOf(0)));
    const std::int64_t k = node.integer("k", 0);
    const at::Tensor rows = at::arange(x.size(0)).reshape({-1, 1}), columns = at::arange(x.size(1)).reshape({1, -1});
    node.out(columns.sub(rows).eq(k).to(storageOf(type)), type);
}

/// a0 − a1 · cos(2πi / N) + a2 · cos(4πi / N), with N = size, or size − 1 for a symmetric window.
void window(NodeRun& node, double a0, double a1, double a2) {
    const std::int64_t size = node.integersOf(0).at(0);
    if (size < 0 || size > kMaxElements)
        node.fail("makes a window of an impossible size");
    const double n = static_cast<double>(node.integer("periodic", 1) != 0 ? size : size - 1);
    const auto type = static_cast<std::int32_t>(node.integer("output_datatype", Proto::FLOAT));
    const at::Tensor angle = at::arange(size).to(at::kDouble).mul(2 * M_PI / n);
    node.out((a0 - angle.cos() * a1 + angle.mul(2).cos() * a2).to(storageOf(type)), type);
}

void hann(NodeRun& node) {
    window(node, 0.5, 0.5, 0);
}

void hamming(NodeRun& node) {
    window(node, 25.0 / 46, 21.0 / 46, 0);
}

void blackman(NodeRun& node) {
    window(node, 0.42, 0.5, 0.08);
}

double melOf(double hertz) {
    return 2595.0 * std::log10(1.0 + hertz / 700.0);
}

void melWeights(NodeRun& node) {
    const std::int64_t bins = node.integersOf(0).at(0), length = node.integersOf(1).at(0);
    const double rate = node.realsOf(2).at(0), low = node.realsOf(3).at(0), high = node.realsOf(4).at(0);
    const auto type = static_cast<std::int32_t>(node.integer("output_datatype", Proto::FLOAT));
    if (bins < 0 || length < 2 || bins > kMaxElements / length || !(rate > 0))
        node.fail("makes a matrix of an impossible shape");
    const std::int64_t rows = length / 2 + 1;
    std::vector<std::int64_t> places;
    const double step = (melOf(high) - melOf(low)) / static_cast<double>(bins + 2);
    for (std::int64_t i = 0; i < bins + 2; ++i) {
        const double hertz = 700.0 * (std::pow(10.0, (melOf(low) + static_cast<double>(i) * step) / 2595.0) - 1);
        places.push_back(static_cast<std::int64_t>(std::floor(static_cast<double>(length + 1) * hertz / rate)));
    }
    at::Tensor weights = at::zeros({rows, bins});
    auto cells = weights.accessor<float, 2>();
    for (std::int64_t i = 0; i < bins; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::int64_t left = places[at], center = places[at + 1], right = places[at + 2];
        const auto share = [](std::int64_t part, std::int64_t whole) {
            return static_cast<float>(static_cast<double>(part) / static_cast<double>(whole));
        };
        if (center == left && center >= 0 && center < rows)
            cells[center][i] = 1;
        for (std::int64_t j = std::max<std::int64_t>(left, 0); center != left && j <= std::min(center, rows - 1); ++j)
            cells[j][i] = share(j - left, center - left);
        for (std::int64_t j = std::max<std::int64_t>(center, 0); right != center && j < std::min(right, rows); ++j)
            cells[j][i] = share(right - j, right - center);
    }
    node.out(weights.to(storageOf(type)), type);
}

constexpr std::array kOperators{
    OperatorEntry{"BlackmanWindow", blackman},         OperatorEntry{"Constant", constant},
    OperatorEntry{"ConstantOfShape", constantOfShape}, OperatorEntry{"EyeLike", eyeLike},
    OperatorEntry{"HammingWindow", hamming},           OperatorEntry{"HannWindow", hann},
    OperatorEntry{"MelWeightMatrix", melWeights},      OperatorEntry{"Range", range},
};

} // namespace

std::span<const OperatorEntry> constantOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
