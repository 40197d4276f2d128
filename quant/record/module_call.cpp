#include "quant/record/module_call.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

at::Tensor parameter(const ModuleCall& call, const std::string& name) {
    const auto found = call.parameters.find(name);
    return found == call.parameters.end() ? at::Tensor() : found->second;
}

std::optional<Hint> hint(const ModuleCall& call, const std::string& op) {
    for (const auto& candidate : call.hints) {
        if (candidate.op == op)
            return candidate;
    }
    return std::nullopt;
}

std::vector<Value> tensorArguments(const ModuleCall& call) {
    std::vector<Value> values;
    for (const auto& argument : call.arguments) {
        if (argument.value.isTensor() && !argument.values.empty())
            values.push_back(argument.values[0]);
    }
    return values;
}

Value namedArgument(const ModuleCall& call, const std::string& name) {
    for (const auto& argument : call.arguments) {
        if (argument.name == name && argument.value.isTensor() && !argument.values.empty())
            return argument.values[0];
    }
    return {};
}

void forEachChoice(const std::vector<Value>& values, std::size_t count,
                   const std::function<void(const std::vector<Value>&, const std::vector<Value>&)>& visit,
                   const std::vector<Value>& chosen) {
    if (chosen.size() == count) {
        visit(chosen, values);
        return;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::vector<Value> rest = values, next = chosen;
        next.push_back(values[i]);
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
        forEachChoice(rest, count, visit, next);
    }
}

std::vector<double> epsilons(const ModuleCall& call, const std::string& prefix) {
    std::vector<double> values;
    if (const auto eps = attribute<double>(call, prefix + "eps"))
        values.push_back(*eps);
    for (const auto& seen : call.hints) {
        for (const at::IValue& argument : seen.arguments) {
            if (argument.isDouble() && argument.toDouble() > 0 && argument.toDouble() < 0.01)
                values.push_back(argument.toDouble());
        }
    }
    if (!hint(call, "layer_norm")) // no such operator was seen: a fused kernel hides it
        values.insert(values.end(), {1e-5, 1e-6, 1e-12});
    std::vector<double> distinct;
    for (const double value : values) {
        if (std::ranges::find(distinct, value) == distinct.end())
            distinct.push_back(value);
    }
    return distinct;
}

LayerNorm::Parameters normParameters(const ModuleCall& call, const std::string& prefix, double eps) {
    LayerNorm::Parameters p{parameter(call, prefix + "weight"), parameter(call, prefix + "bias"), {}, eps};
    if (p.weight.defined())
        p.normalizedShape = p.weight.sizes().vec();
    else if (const auto shape = attribute<std::vector<std::int64_t>>(call, prefix + "normalized_shape"))
        p.normalizedShape = *shape;
    else if (const auto seen = hint(call, "layer_norm");
             seen && seen->arguments.size() > 1 && seen->arguments[1].isIntList())
        p.normalizedShape = seen->arguments[1].toIntVector();
    return p;
}

} // namespace fxp::quant
