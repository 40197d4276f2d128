#pragma once

#include <ATen/core/symbol.h>

#include <string>

namespace c10 {
struct FunctionSchema;
}
namespace torch::jit {
struct Module;
}

namespace fxp::quant {

/// Whether the operator only computes: it belongs to LibTorch itself, takes and gives tensors, numbers, strings and
/// containers of these alone, and is not one of the few of that form that reach files, devices or global state.
bool isPureOperator(const c10::FunctionSchema& schema);

/// Operators that a run leaves out: what a model prints is not for the terminal, and no run records gradients.
bool isLeftOut(c10::Symbol kind);

/// What of a TorchScript file is looked at.
enum class CheckedCode {
    All,
    WhileLoading, ///< `__setstate__` alone, which LibTorch's loader runs
};

/// Looks at every operator in every graph of the file: methods of all classes, functions, nested blocks, whether they
/// are reached or not. Throws Error naming the file: the first operator that does more than compute, the module and the
/// line of source that have it.
void requirePureOperators(const torch::jit::Module& module, const std::string& file,
                          CheckedCode code = CheckedCode::All);

} // namespace fxp::quant
