#pragma once

#include "quant/layers/layer_norm.h"
#include "quant/ops/builder.h"

#include <ATen/core/ivalue.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// The arguments of one recorded operator: a hint for what a traced file leaves open.
struct Hint {
    std::string op;                    ///< its name (ops/operator_names.h)
    std::vector<at::IValue> arguments; ///< with undefined tensors in the place of tensors
};

/// One call of a module, as an importer saw it: the module's class, the call's arguments and result, the parameters and
/// attributes, and the operators that ran inside.
struct ModuleCall {
    std::string path;
    std::string className; ///< last part: `Linear`
    /// One argument of the call.
    struct Argument {
        std::string name;
        at::IValue value;
        std::vector<Value> values; ///< of its defined tensors, in order, as they were before the module ran
    };
    std::vector<Argument> arguments;
    std::map<std::string, at::Tensor> parameters; ///< by path below the module: `self_attn.in_proj_weight`
    std::map<std::string, at::IValue> attributes; ///< likewise; what the file knows of the constructor's arguments
    std::vector<Hint> hints;                      ///< of the operators inside
    at::IValue result;
};

/// One hypothesis: builds a layer and runs it through the builder; gives the same results as the module where the
/// hypothesis is right. May throw when the tensors do not fit: then the hypothesis is wrong.
struct Candidate {
    std::function<std::vector<Value>(Builder&)> run;
};

/// Likeliest first, and no more than kMaxCandidates.
using Candidates = std::vector<Candidate>;

/// The layer is run once for each candidate. What a traced file leaves open is a handful of choices of a few values
/// each; a call with more readings than this is not going to be recognised, and must not keep the user waiting.
inline constexpr std::size_t kMaxCandidates = 256;

/// A parameter by its path below the module; undefined where there is none.
at::Tensor parameter(const ModuleCall& call, const std::string& name);

/// An attribute of that type; absent where the file has none, or another type under that name.
template <class T> std::optional<T> attribute(const ModuleCall& call, const std::string& name) {
    const auto found = call.attributes.find(name);
    if (found == call.attributes.end() || found->second.isNone())
        return std::nullopt;
    try {
        return found->second.to<T>();
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

/// The arguments of the first operator of that name inside the module.
std::optional<Hint> hint(const ModuleCall& call, const std::string& op);

/// The arguments that are tensors.
std::vector<Value> tensorArguments(const ModuleCall& call);
/// Undefined where there is no tensor of that name.
Value namedArgument(const ModuleCall& call, const std::string& name);

/// Visits every ordered choice of `count` of the values, with the values left over.
void forEachChoice(const std::vector<Value>& values, std::size_t count,
                   const std::function<void(const std::vector<Value>& chosen, const std::vector<Value>& rest)>& visit,
                   const std::vector<Value>& chosen = {});

/// The epsilons to try: the attribute, those that operators inside had, the usual ones. `prefix` is the norm's path
/// below the module, with its dot.
std::vector<double> epsilons(const ModuleCall& call, const std::string& prefix);
LayerNorm::Parameters normParameters(const ModuleCall& call, const std::string& prefix, double eps);

} // namespace fxp::quant
