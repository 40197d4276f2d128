#include "quant/import/onnx/convolutions.h"

#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/windows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

namespace fxp::quant::onnx_import {

namespace {

using Integers = std::vector<std::int64_t>;

std::string withRank(const char* name, std::size_t rank) {
    return name + std::to_string(rank) + "d";
}

void requireRank(const NodeRun& node, const at::Tensor& x, const at::Tensor& weight) {
    if (x.dim() < 3 || x.dim() > 5 || weight.dim() != x.dim())
        node.fail("has an input of " + std::to_string(x.dim()) + " dimensions and a weight of " +
                      std::to_string(weight.dim()),
                  "convolutions of one to three spatial dimensions are supported");
}

void conv(NodeRun& node) {
    node.out(convolved(node, node.in(0), node.in(1), node.optional(2)));
}

/// The padding of a transposed convolution, which its output_shape may ask for instead.
void fitOutputShape(const NodeRun& node, const at::Tensor& x, const Integers& extra, Windows& w) {
    const Integers wanted = node.integers("output_shape");
    const std::string automatic = node.text("auto_pad", "NOTSET");
    if (wanted.empty() && !automatic.starts_with("SAME"))
        return;
    const std::size_t rank = w.kernel.size();
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t size = x.size(static_cast<std::int64_t>(i) + 2);
        const std::int64_t target = wanted.empty() ? size * w.stride[i] : wanted.at(wanted.size() - rank + i);
        const std::int64_t total = w.stride[i] * (size - 1) + extra[i] + (w.kernel[i] - 1) * w.dilation[i] + 1 - target;
        // Where the result is to be larger than the input reaches, it grows at its end.
        const std::int64_t removed = std::max<std::int64_t>(total, 0), half = removed / 2;
        w.before[i] = automatic == "SAME_UPPER" ? half : removed - half;
        w.after[i] = total - w.before[i];
    }
}

void convTranspose(NodeRun& node) {
    const at::Tensor &x = node.in(0), &weight = node.in(1);
    requireRank(node, x, weight);
    const std::size_t rank = static_cast<std::size_t>(x.dim()) - 2;
    Windows w = windowsOf(node, x.sizes().slice(2), weight.sizes().slice(2).vec());
    Integers extra = node.integers("output_padding", Integers(rank, 0));
    if (extra.size() != rank)
        node.fail("has output padding for another number of dimensions than its input's");
    fitOutputShape(node, x, extra, w);
    const std::int64_t groups = node.integer("group", 1);
    const at::Tensor bias = node.optional(2);
    const auto run = [&](const at::Tensor& b, const Integers& padding, const Integers& outputPadding) {
        return node.op(withRank("aten::conv_transpose", rank) + (rank == 1 ? "" : ".input"),
                       {x, weight, b.defined() ? at::IValue(b) : at::IValue(), w.stride, padding, outputPadding, groups,
                        w.dilation});
    };
    bool direct = true;
    for (std::size_t i = 0; i < rank; ++i) {
        // More padding behind than in front takes rows from the end, which output padding gives back.
        const std::int64_t outputPadding = extra[i] + w.before[i] - w.after[i];
        direct =
            direct && w.before[i] >= 0 && outputPadding >= 0 && outputPadding < std::max(w.stride[i], w.dilation[i]);
        extra[i] = outputPadding;
    }
    if (direct) {
        node.out(run(bias, w.before, extra));
        return;
    }
    at::Tensor y = run({}, Integers(rank, 0), Integers(rank, 0));
    Integers pads;
    for (std::size_t i = rank; i-- > 0;)
        pads.insert(pads.end(), {-w.before[i], extra[i] - w.before[i]});
    y = node.op("aten::constant_pad_nd", {y, pads, 0});
    if (bias.defined()) {
        Integers along(static_cast<std::size_t>(x.dim()), 1);
        along[1] = -1;
        y = node.add(y, node.reshape(bias, along));
    }
    node.out(y);
}

constexpr std::array kOperators{
    OperatorEntry{"Conv", conv},
    OperatorEntry{"ConvTranspose", convTranspose},
};

} // namespace

at::Tensor convolved(NodeRun& node, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
    requireRank(node, input, weight);
    const Windows w = windowsOf(node, input.sizes().slice(2), weight.sizes().slice(2).vec());
    const std::size_t rank = w.kernel.size();
    at::Tensor x = input;
    Integers padding = w.before;
    const bool negative = std::ranges::any_of(padding, [](std::int64_t pad) { return pad < 0; });
    if (!w.isSymmetric() || negative) {
        x = node.op("aten::constant_pad_nd", {x, w.pads(), 0});
        padding.assign(rank, 0);
    }
    return node.op(withRank("aten::conv", rank), {x, weight, bias.defined() ? at::IValue(bias) : at::IValue(), w.stride,
                                                  padding, w.dilation, node.integer("group", 1)});
}

std::span<const OperatorEntry> convolutionOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
