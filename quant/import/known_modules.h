#pragma once

#include "quant/graph/builder.h"
#include "quant/import/operator_recorder.h"

#include <ATen/core/ivalue.h>

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fxp::quant {

/// One call of a module, as an importer saw it: what its class is, what it was given, what it holds, and which
/// operators ran inside.
struct ModuleCall {
    std::string path;
    std::string className; ///< last part: `Linear`
    /// One argument of the call.
    struct Argument {
        std::string name;
        at::IValue value;
    };
    std::vector<Argument> arguments;
    std::map<std::string, at::Tensor> parameters; ///< by path below the module: `self_attn.in_proj_weight`
    std::map<std::string, at::IValue> attributes; ///< likewise; what the file knows of the constructor's arguments
    std::span<const OperatorRecorder::Hint> hints;
    at::IValue result;
};

/// One hypothesis: a layer built and run through the builder, giving what the module gave. May throw when the tensors
/// do not fit; then the hypothesis is wrong.
struct Candidate {
    std::function<std::vector<Value>(Builder&)> run;
};

/// Whether modules of that class can become a layer.
bool isKnownClass(const std::string& className);

/// The hypotheses for the call, likeliest first. Tensor arguments are taken as the values that `recorder` knows them
/// by.
std::vector<Candidate> candidates(const ModuleCall& call, OperatorRecorder& recorder);

} // namespace fxp::quant
