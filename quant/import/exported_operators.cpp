#include "quant/import/exported_operators.h"

#include "quant/import/export_arguments.h"
#include "quant/import/exported_calls.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

namespace fxp::quant {

namespace {

using Inputs = std::vector<std::pair<std::string, ExportedArgument>>;

ExportedArgument constant(at::IValue value) {
    ExportedArgument argument;
    argument.value = std::move(value);
    return argument;
}

/// Another operator with the inputs of those names, and some of its own.
struct Composition {
    std::string target;
    std::vector<std::pair<std::string, std::string>> inputs; ///< the new operator's name, the old one's
    Inputs added;
};

const std::map<std::string, Composition>& compositions() {
    static const std::map<std::string, Composition> kCompositions{
        {"torch.ops.aten._native_batch_norm_legit_no_training.default",
         {"torch.ops.aten.batch_norm.default",
          {{"input", "input"},
           {"weight", "weight"},
           {"bias", "bias"},
           {"running_mean", "running_mean"},
           {"running_var", "running_var"},
           {"momentum", "momentum"},
           {"eps", "eps"}},
          {{"training", constant(false)}, {"cudnn_enabled", constant(false)}}}},
        {"torch.ops.aten.native_layer_norm.default",
         {"torch.ops.aten.layer_norm.default",
          {{"input", "input"},
           {"normalized_shape", "normalized_shape"},
           {"weight", "weight"},
           {"bias", "bias"},
           {"eps", "eps"}},
          {}}},
        {"torch.ops.aten.native_group_norm.default",
         {"torch.ops.aten.group_norm.default",
          {{"input", "input"}, {"num_groups", "group"}, {"weight", "weight"}, {"bias", "bias"}, {"eps", "eps"}},
          {}}},
        {"torch.ops.aten.max_pool2d_with_indices.default",
         {"torch.ops.aten.max_pool2d.default",
          {{"self", "self"},
           {"kernel_size", "kernel_size"},
           {"stride", "stride"},
           {"padding", "padding"},
           {"dilation", "dilation"},
           {"ceil_mode", "ceil_mode"}},
          {}}},
        {"torch.ops.aten.max_pool3d_with_indices.default",
         {"torch.ops.aten.max_pool3d.default",
          {{"self", "self"},
           {"kernel_size", "kernel_size"},
           {"stride", "stride"},
           {"padding", "padding"},
           {"dilation", "dilation"},
           {"ceil_mode", "ceil_mode"}},
          {}}}};
    return kCompositions;
}

const AtenOperator* aten(const std::string& name) {
    return findAten("aten::" + name);
}

using Given = std::vector<std::pair<std::string, at::IValue>>;

/// Adds a reading, if this LibTorch has the operator and it takes such arguments.
void add(std::vector<FunctionCandidate>& list, const std::string& name, const Given& given) {
    const AtenOperator* op = aten(name);
    if (!op)
        return;
    try {
        list.push_back({op, stackFor(*op->schema, given)});
    } catch (const std::exception&) {
        // A reading that does not fit, and no more.
    }
}

at::IValue numbers(const std::vector<std::int64_t>& values) {
    return c10::List<std::int64_t>(values);
}

/// y = x·Wᵀ + b: whatever operators a product of matrices became.
void linearCandidates(const FunctionCall& call, std::vector<FunctionCandidate>& list) {
    const auto matrix = std::ranges::find_if(call.constants, [](const at::Tensor& t) { return t.dim() == 2; });
    const auto vector = std::ranges::find_if(call.constants, [](const at::Tensor& t) { return t.dim() == 1; });
    if (matrix == call.constants.end())
        return;
    add(list, "linear",
        {{"input", call.inputs[0]},
         {"weight", *matrix},
         {"bias", vector == call.constants.end() ? at::IValue() : at::IValue(*vector)}});
}

/// The last sizes of the result are those that were asked for.
void adaptiveCandidates(const FunctionCall& call, std::int64_t dims, std::vector<FunctionCandidate>& list) {
    if (call.results.empty() || call.results[0].dim() < dims)
        return;
    const auto sizes = call.results[0].sizes().vec();
    add(list, call.name,
        {{"self", call.inputs[0]},
         {"output_size", numbers({sizes.end() - static_cast<std::ptrdiff_t>(dims), sizes.end()})}});
}

/// nn.LSTM, nn.GRU and nn.RNN by the parameters of their module.
void recurrentCandidates(const FunctionCall& call, std::vector<FunctionCandidate>& list) {
    c10::List<at::Tensor> parameters;
    std::int64_t layers = 0;
    const auto has = [&](const std::string& name) { return call.parameters.contains(name); };
    const bool bidirectional = has("weight_ih_l0_reverse"), biases = has("bias_ih_l0");
    for (; has("weight_ih_l" + std::to_string(layers)); ++layers) {
        for (const char* direction : {"", "_reverse"}) {
            for (const char* kind : {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"}) {
                const auto found = call.parameters.find(kind + ("_l" + std::to_string(layers)) + direction);
                if (found != call.parameters.end())
                    parameters.push_back(found->second);
            }
        }
    }
    if (layers == 0)
        return;
    const std::size_t states = call.name == "lstm" ? 2 : 1;
    std::vector<at::Tensor> hidden; // given or zeros, [layers · directions, N, H]
    for (const auto* tensors : {&call.inputs, &call.constants}) {
        for (const at::Tensor& tensor : *tensors) {
            const bool isSequence = !call.inputs.empty() && tensor.is_same(call.inputs[0]);
            if (!isSequence && tensor.dim() == 3 && tensor.size(0) == layers * (bidirectional ? 2 : 1) &&
                tensor.is_floating_point())
                hidden.push_back(tensor);
        }
    }
    if (hidden.size() != states)
        return;
    for (const bool batchFirst : {true, false}) {
        Given given{{"input", call.inputs[0]},
                    {"hx", states == 2 ? at::IValue(c10::List<at::Tensor>({hidden[0], hidden[1]})) : hidden[0]},
                    {"params", parameters},
                    {"has_biases", biases},
                    {"num_layers", layers},
                    {"dropout", 0.0},
                    {"train", false},
                    {"bidirectional", bidirectional},
                    {"batch_first", batchFirst}};
        add(list, call.name + ".input", given);
    }
}

/// Query, key and value may be one tensor, or two of them.
void attentionCandidates(const FunctionCall& call, std::vector<FunctionCandidate>& list) {
    const auto& x = call.inputs;
    std::vector<std::array<std::size_t, 3>> readings{{0, 0, 0}};
    if (x.size() == 2)
        readings = {{0, 1, 1}, {0, 0, 1}, {0, 1, 0}};
    if (x.size() == 3)
        readings = {{0, 1, 2}};
    if (x.size() > 3)
        return;
    for (const auto& [q, k, v] : readings) {
        const Given given{{"query", x[q]}, {"key", x[k]}, {"value", x[v]}};
        for (const bool causal : {false, true}) {
            Given whole = given;
            whole.emplace_back("is_causal", causal);
            add(list, call.name, whole);
        }
        for (const at::Tensor& mask : call.constants) {
            Given masked = given;
            masked.emplace_back("attn_mask", mask);
            add(list, call.name, masked);
        }
    }
}

const std::set<std::string>& unaryFunctions() {
    static const std::set<std::string> kNames{"relu6",    "hardswish",   "hardsigmoid", "silu",     "mish",      "selu",
                                              "softsign", "log_sigmoid", "gelu",        "relu",     "sigmoid",   "tanh",
                                              "elu",      "celu",        "softplus",    "hardtanh", "leaky_relu"};
    return kNames;
}

} // namespace

bool isComposedFunction(const std::string& name) {
    static const std::set<std::string> kOthers{"linear",
                                               "prelu",
                                               "lstm",
                                               "gru",
                                               "rnn_tanh",
                                               "rnn_relu",
                                               "adaptive_avg_pool1d",
                                               "adaptive_avg_pool2d",
                                               "adaptive_avg_pool3d",
                                               "logsigmoid",
                                               "scaled_dot_product_attention"};
    return unaryFunctions().contains(name) || kOthers.contains(name);
}

bool isOperatorOf(const std::string& target, const std::string& function) {
    const std::string start = "torch.ops.aten.";
    return target.starts_with(start + function + ".") || target.starts_with(start + function + "_.");
}

std::vector<FunctionCandidate> functionCandidates(const FunctionCall& call) {
    std::vector<FunctionCandidate> list;
    if (call.inputs.empty())
        return list;
    const std::string& name = call.name;
    const at::Tensor& x = call.inputs[0];
    if (name == "linear") {
        linearCandidates(call, list);
    } else if (name == "prelu") {
        for (const at::Tensor& weight : call.constants)
            add(list, "prelu", {{"self", x}, {"weight", weight}});
    } else if (name.starts_with("adaptive_avg_pool")) {
        adaptiveCandidates(call, name[name.size() - 2] - '0', list);
    } else if (name == "lstm" || name == "gru" || name.starts_with("rnn_")) {
        recurrentCandidates(call, list);
    } else if (name == "scaled_dot_product_attention") {
        attentionCandidates(call, list);
    } else if (call.inputs.size() == 1) {
        const std::string own = name == "logsigmoid" ? "log_sigmoid" : name;
        add(list, own, {{"self", x}});
        if (own == "gelu")
            add(list, own, {{"self", x}, {"approximate", "tanh"}});
        for (const double number : call.numbers) {
            if (own == "leaky_relu")
                add(list, own, {{"self", x}, {"negative_slope", number}});
            if (own == "elu" || own == "celu")
                add(list, own, {{"self", x}, {"alpha", number}});
            if (own == "softplus")
                add(list, own, {{"self", x}, {"beta", number}});
        }
    }
    return list;
}

void composeOperators(ExportedGraph& graph) {
    std::set<std::string> used;
    for (const ExportedNode& node : graph.nodes) {
        for (const auto& [key, input] : node.inputs)
            forEachName(input, [&](const std::string& name) { used.insert(name); });
    }
    for (const ExportedArgument& output : graph.outputs)
        forEachName(output, [&](const std::string& name) { used.insert(name); });
    for (ExportedNode& node : graph.nodes) {
        const auto composition = compositions().find(node.target);
        bool readsFurther = false;
        for (std::size_t i = 1; i < node.outputs.size(); ++i)
            forEachName(node.outputs[i], [&](const std::string& name) { readsFurther |= used.contains(name); });
        if (composition == compositions().end() || readsFurther || node.outputs.empty())
            continue;
        Inputs inputs;
        for (const auto& [own, theirs] : composition->second.inputs) {
            const auto given = std::ranges::find(node.inputs, theirs, [](const auto& input) { return input.first; });
            if (given != node.inputs.end())
                inputs.emplace_back(own, given->second);
        }
        inputs.insert(inputs.end(), composition->second.added.begin(), composition->second.added.end());
        node.target = composition->second.target;
        node.inputs = std::move(inputs);
        node.outputs.resize(1);
    }
}

} // namespace fxp::quant
