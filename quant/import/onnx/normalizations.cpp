#include "quant/import/onnx/operators.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace fxp::quant::onnx_import {

namespace {

using Integers = std::vector<std::int64_t>;

double epsilonOf(const NodeRun& node, double otherwise = 1e-5) {
    const double epsilon = node.real("epsilon", otherwise);
    // Attributes are float32: 1e-5 is what was meant by its nearest float.
    for (const double usual : {1e-5, 1e-6, 1e-12, 1e-3, 1e-8, 1e-7, 1e-4}) {
        if (static_cast<float>(usual) == static_cast<float>(epsilon))
            return usual;
    }
    return epsilon;
}

void batchNorm(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const double eps = epsilonOf(node);
    const bool training = node.integer("training_mode", 0) != 0 && node.opset() >= 14;
    if (!training) {
        node.out(
            node.op("aten::batch_norm", {x, node.in(1), node.in(2), node.in(3), node.in(4), false, 0.1, eps, false}));
        return;
    }
    const double keep = node.real("momentum", static_cast<double>(0.9F));
    Integers axes(static_cast<std::size_t>(x.dim()));
    std::iota(axes.begin(), axes.end(), 0);
    axes.erase(axes.begin() + 1);
    const at::Tensor mean = node.op("aten::mean.dim", {x, axes, false});
    Integers along(static_cast<std::size_t>(x.dim()), 1);
    along[1] = -1;
    const at::Tensor apart = node.sub(x, node.reshape(mean, along));
    const at::Tensor variance = node.op("aten::mean.dim", {node.mul(apart, apart), axes, false});
    node.out(node.op("aten::batch_norm", {x, node.in(1), node.in(2), mean, variance, false, 0.1, eps, false}));
    for (std::size_t i : {std::size_t{3}, std::size_t{4}}) {
        const at::Tensor old = node.op("aten::mul.Scalar", {node.in(i), keep});
        node.out(node.add(old, node.op("aten::mul.Scalar", {i == 3 ? mean : variance, 1 - keep})));
    }
}

void instanceNorm(NodeRun& node) {
    node.out(node.op("aten::instance_norm", {node.in(0), node.in(1), node.in(2), at::IValue(), at::IValue(), true, 0.1,
                                             epsilonOf(node), false}));
}

/// γ and β with the shape of what is normalized; an absent one stays absent.
at::IValue fitted(NodeRun& node, const at::Tensor& parameter, const Integers& shape) {
    if (!parameter.defined())
        return {};
    return parameter.sizes() == at::IntArrayRef(shape) ? parameter : node.op("aten::expand", {parameter, shape});
}

void layerNorm(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", -1), x.dim());
    const Integers shape = x.sizes().slice(static_cast<std::size_t>(axis)).vec();
    const double eps = epsilonOf(node);
    node.out(node.op("aten::layer_norm", {x, shape, fitted(node, node.optional(1), shape),
                                          fitted(node, node.optional(2), shape), eps, false}));
    if (!node.wants(1) && !node.wants(2))
        return;
    Integers axes(shape.size());
    std::iota(axes.begin(), axes.end(), axis);
    const at::Tensor mean = node.op("aten::mean.dim", {x, axes, true}), apart = node.sub(x, mean);
    const at::Tensor variance = node.op("aten::mean.dim", {node.mul(apart, apart), axes, true});
    node.out(mean);
    node.out(node.op("aten::rsqrt", {node.op("aten::add.Scalar", {variance, eps})}));
}

void groupNorm(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t groups = node.integer("num_groups", 1);
    at::Tensor weight = node.in(1), bias = node.in(2);
    if (weight.size(0) == groups && groups != x.size(1)) { // opset 18: one for each group
        weight = node.op("aten::repeat_interleave.self_int", {weight, x.size(1) / groups, 0});
        bias = node.op("aten::repeat_interleave.self_int", {bias, x.size(1) / groups, 0});
    }
    node.out(node.op("aten::group_norm", {x, groups, weight, bias, epsilonOf(node), false}));
}

void rmsNorm(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t axis = node.axis(node.integer("axis", -1), x.dim());
    Integers axes(static_cast<std::size_t>(x.dim() - axis));
    std::iota(axes.begin(), axes.end(), axis);
    const at::Tensor square = node.op("aten::mean.dim", {node.mul(x, x), axes, true});
    const at::Tensor scale = node.op("aten::rsqrt", {node.op("aten::add.Scalar", {square, epsilonOf(node)})});
    node.out(node.mul(node.mul(x, scale), node.in(1)));
}

void meanVariance(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    Integers axes = node.integers("axes", {0, 2, 3});
    for (std::int64_t& one : axes)
        one = node.axis(one, x.dim());
    const at::Tensor apart = node.sub(x, node.op("aten::mean.dim", {x, axes, true}));
    const at::Tensor variance = node.op("aten::mean.dim", {node.mul(apart, apart), axes, true});
    node.out(node.div(apart, node.op("aten::add.Scalar", {node.op("aten::sqrt", {variance}), 1e-9})));
}

void lpNormalization(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const Integers axis{node.axis(node.integer("axis", -1), x.dim())};
    const bool one = node.integer("p", 2) == 1;
    at::Tensor norm = node.op("aten::sum.dim_IntList",
                              {one ? node.op("aten::abs", {x}) : node.op("aten::mul.Tensor", {x, x}), axis, true});
    norm = one ? norm : node.op("aten::sqrt", {norm});
    node.out(node.div(x, norm));
}

/// x / (bias + α / size · Σ x²)^β, the sum over `size` neighbouring channels.
void lrn(NodeRun& node) {
    const at::Tensor& x = node.in(0);
    const std::int64_t size = node.integer("size", 1), before = (size - 1) / 2, after = size - 1 - before;
    Integers pads(static_cast<std::size_t>(2 * (x.dim() - 1)), 0);
    pads[pads.size() - 2] = before;
    pads.back() = after;
    const at::Tensor squares = node.op("aten::constant_pad_nd", {node.mul(x, x), pads, 0.0});
    at::Tensor sum;
    for (std::int64_t i = 0; i < size; ++i) {
        const at::Tensor part = node.slice(squares, 1, i, i + x.size(1));
        sum = sum.defined() ? node.add(sum, part) : part;
    }
    const double alpha = node.real("alpha", static_cast<double>(1e-4F)), beta = node.real("beta", 0.75);
    const at::Tensor scaled = node.op("aten::mul.Scalar", {sum, alpha / static_cast<double>(size)});
    const at::Tensor base = node.op("aten::add.Scalar", {scaled, node.real("bias", 1)});
    node.out(node.div(x, node.op("aten::pow.Tensor_Scalar", {base, beta})));
}

constexpr std::array kOperators{
    OperatorEntry{"BatchNormalization", batchNorm},           OperatorEntry{"GroupNormalization", groupNorm},
    OperatorEntry{"InstanceNormalization", instanceNorm},     OperatorEntry{"LRN", lrn},
    OperatorEntry{"LayerNormalization", layerNorm},           OperatorEntry{"LpNormalization", lpNormalization},
    OperatorEntry{"MeanVarianceNormalization", meanVariance}, OperatorEntry{"RMSNormalization", rmsNorm},
};

} // namespace

std::span<const OperatorEntry> normalizationOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
