#pragma once

#include "quant/import/exported_program.h"
#include "quant/ops/aten_operator.h"

#include <ATen/core/boxing/KernelFunction.h>

#include <map>
#include <string>
#include <vector>

namespace fxp::quant {

/// Puts the operator that a model calls in the place of the form that run_decompositions() gives it, where the one is
/// the other by definition: `native_layer_norm` with no result but the first is `layer_norm`, and so on.
void composeOperators(ExportedGraph& graph);

/// Whether an export may have decomposed that function of PyTorch into operators that functionCandidates() knows how
/// to put together again.
bool isComposedFunction(const std::string& name);

/// Whether a target is the function's own operator: `torch.ops.aten.hardswish.default`, of `hardswish`.
bool isOperatorOf(const std::string& target, const std::string& function);

/// A decomposed call of a function: what its operators read and gave.
struct FunctionCall {
    std::string name;
    std::vector<at::Tensor> inputs;    ///< that depend on the model's inputs, in the order of their first use
    std::vector<at::Tensor> constants; ///< likewise
    std::vector<double> numbers;       ///< that its operators were given
    std::map<std::string, at::Tensor> parameters; ///< of the module that it stands in
    std::vector<at::Tensor> results;
};

/// One reading of the call: an operator and its arguments.
struct FunctionCandidate {
    const AtenOperator* op = nullptr;
    c10::Stack arguments;
};

/// Likeliest first. They are hypotheses: whether one computes the call's results is for the caller to see.
std::vector<FunctionCandidate> functionCandidates(const FunctionCall& call);

} // namespace fxp::quant
