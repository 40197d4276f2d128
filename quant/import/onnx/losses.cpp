#include "quant/import/onnx/operators.h"

#include <ATen/ATen.h>

#include <array>

namespace fxp::quant::onnx_import {

namespace {

at::Tensor negativeLogLikelihood(NodeRun& node, const at::Tensor& logs) {
    const std::string reduction = node.text("reduction", "mean");
    const std::int64_t kind = reduction == "none" ? 0 : reduction == "sum" ? 2 : 1;
    const at::Tensor target = node.cast(node.in(1), at::kLong), weight = node.optional(2);
    return node.op("aten::nll_loss_nd", {logs, target, weight.defined() ? at::IValue(weight) : at::IValue(), kind,
                                         node.integer("ignore_index", -100)});
}

void nllLoss(NodeRun& node) {
    node.out(negativeLogLikelihood(node, node.in(0)));
}

void crossEntropy(NodeRun& node) {
    const at::Tensor logs = node.op("aten::log_softmax.int", {node.in(0), std::int64_t{1}, at::IValue()});
    node.out(negativeLogLikelihood(node, logs));
    node.out(logs);
}

constexpr std::array kOperators{
    OperatorEntry{"NegativeLogLikelihoodLoss", nllLoss},
    OperatorEntry{"SoftmaxCrossEntropyLoss", crossEntropy},
};

} // namespace

std::span<const OperatorEntry> lossOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
