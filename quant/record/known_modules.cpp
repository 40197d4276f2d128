#include "quant/record/known_modules.h"

#include "quant/layers/convolution.h"
#include "quant/layers/elementwise.h"
#include "quant/layers/layer_norm.h"
#include "quant/layers/linear.h"
#include "quant/layers/lstm.h"
#include "quant/ops/convolution_places.h"
#include "quant/record/attention_modules.h"
#include "quant/record/layer_operators.h"
#include "quant/record/module_call.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

namespace fxp::quant {

namespace {

/// Runs a layer of one input and one output and declares it.
template <class L, class... Arguments> Candidate single(Value input, Arguments... arguments) {
    return {[=](Builder& run) {
        L layer(arguments...);
        const Value output = layer.forward(input, run);
        layer.declare(run);
        return std::vector<Value>{output};
    }};
}

Candidates linear(const ModuleCall& call, Value x) {
    return {single<Linear>(x, call.path, parameter(call, "weight"), parameter(call, "bias"))};
}

/// nn.Conv1d … nn.ConvTranspose3d. The arguments of the operator inside are more reliable than the file's attributes.
Candidates convolution(const ModuleCall& call, Value x) {
    const at::Tensor weight = parameter(call, "weight");
    ConvolutionOptions options;
    options.transposed = call.className.starts_with("ConvTranspose");
    const auto seen = hint(call, Convolution::typeOf(weight.dim() - 2, options.transposed));
    const auto given = [&](const std::string& name, std::optional<std::size_t> index) {
        if (seen && index && *index < seen->arguments.size() && seen->arguments[*index].isIntList())
            return seen->arguments[*index].toIntVector();
        return attribute<std::vector<std::int64_t>>(call, name).value_or(std::vector<std::int64_t>{});
    };
    const bool isGeneral = seen && seen->arguments.size() > 8 && seen->arguments[6].isBool();
    const ConvolutionPlaces places(isGeneral, options.transposed);
    options.stride = given("stride", places.stride);
    options.padding = given("padding", places.padding);
    options.dilation = given("dilation", places.dilation);
    options.outputPadding = given("output_padding", places.outputPadding);
    options.groups = attribute<std::int64_t>(call, "groups").value_or(1);
    if (seen && places.groups < seen->arguments.size() && seen->arguments[places.groups].isInt())
        options.groups = seen->arguments[places.groups].toInt();
    return {single<Convolution>(x, call.path, weight, parameter(call, "bias"), options)};
}

Candidates layerNorm(const ModuleCall& call, Value x) {
    Candidates list;
    for (const double eps : epsilons(call, ""))
        list.push_back(single<LayerNorm>(x, call.path, normParameters(call, "", eps)));
    return list;
}

Candidate elementwise(const ModuleCall& call, Value x, const std::string& type, Elementwise::Function function) {
    return single<Elementwise>(x, type, call.path, std::move(function));
}

Candidates softmax(const ModuleCall& call, Value x) {
    std::int64_t dim = attribute<std::int64_t>(call, "dim").value_or(-1);
    if (const auto seen = hint(call, "softmax"); seen && seen->arguments.size() > 1 && seen->arguments[1].isInt())
        dim = seen->arguments[1].toInt();
    return {elementwise(call, x, "softmax", elementwise::softmax(dim))};
}

/// Runs the operator of a cell on x and the states; a state that is not among the arguments is zero.
Candidate cellCandidate(const ModuleCall& call, const std::string& name, const std::vector<Value>& chosen,
                        const std::vector<at::Tensor>& tensors) {
    c10::List<at::Tensor> hidden;
    for (std::size_t i = 1; i < tensors.size(); ++i)
        hidden.push_back(tensors[i]);
    const c10::Stack arguments{tensors[0],
                               name == "lstm_cell" ? at::IValue(hidden) : at::IValue(hidden.get(0)),
                               parameter(call, "weight_ih"),
                               parameter(call, "weight_hh"),
                               parameter(call, "bias_ih"),
                               parameter(call, "bias_hh")};
    const bool hiddenAlone = call.result.isTensor(); // a traced cell returns only the states that the model uses
    return {[=, path = call.path](Builder& run) {
        const auto valueOf = [&](const at::Tensor& tensor) {
            for (std::size_t i = 0; i < tensors.size(); ++i) {
                if (tensors[i].is_same(tensor))
                    return i < chosen.size() ? chosen[i] : zeroState(run, chosen[0], tensor.size(1));
            }
            return run.constant(tensor);
        };
        auto results = recordLayerOperator(name, arguments, path, valueOf, run).value_or(std::vector<Value>{});
        results.resize(hiddenAlone ? std::min<std::size_t>(results.size(), 1) : results.size());
        return results;
    }};
}

/// nn.LSTMCell, nn.GRUCell and nn.RNNCell. A trace has decomposed them, and lost the order of x and the states.
Candidates cell(const ModuleCall& call, const Builder& builder) {
    const at::Tensor weightIh = parameter(call, "weight_ih"), weightHh = parameter(call, "weight_hh");
    if (!weightIh.defined() || !weightHh.defined())
        return {};
    std::vector<Value> given;
    for (const auto& argument : call.arguments) {
        if (argument.value.isTensor() || argument.value.isTuple())
            given.insert(given.end(), argument.values.begin(), argument.values.end());
    }
    const std::size_t states = call.className == "LSTMCell" ? 2 : 1;
    std::vector<std::string> operators{call.className == "LSTMCell" ? "lstm_cell" : "gru_cell"};
    if (call.className == "RNNCell")
        operators = {"rnn_tanh_cell", "rnn_relu_cell"};
    Candidates list;
    forEachChoice(given, std::min(given.size(), 1 + states), [&](const std::vector<Value>& chosen, const auto&) {
        std::vector<at::Tensor> tensors;
        for (const Value value : chosen)
            tensors.push_back(builder.tensor(value).alias()); // an alias each: they are told apart by identity
        const auto isMatrix = [&](const at::Tensor& t, std::int64_t features) {
            return t.dim() == 2 && t.size(0) == tensors[0].size(0) && t.size(1) == features;
        };
        if (tensors[0].dim() != 2 || !isMatrix(tensors[0], weightIh.size(1)))
            return;
        while (tensors.size() < 1 + states)
            tensors.push_back(at::zeros({tensors[0].size(0), weightHh.size(1)}));
        if (!std::all_of(tensors.begin() + 1, tensors.end(),
                         [&](const at::Tensor& t) { return isMatrix(t, weightHh.size(1)); }))
            return;
        for (const std::string& name : operators)
            list.push_back(cellCandidate(call, name, chosen, tensors));
    });
    return list;
}

Candidates allCandidates(const ModuleCall& call, const Builder& builder) {
    const std::vector<Value> tensors = tensorArguments(call);
    if (tensors.empty())
        return {};
    const Value x = tensors[0];
    const std::string& name = call.className;
    if (name == "MultiheadAttention")
        return attentionCandidates(call, builder);
    if (name == "TransformerEncoderLayer")
        return encoderLayerCandidates(call, builder);
    if (name == "TransformerDecoderLayer")
        return decoderLayerCandidates(call, builder);
    if (name == "Linear" || name == "NonDynamicallyQuantizableLinear")
        return linear(call, x);
    if (name.ends_with("Cell"))
        return cell(call, builder);
    if (name.starts_with("Conv"))
        return convolution(call, x);
    if (name == "LayerNorm")
        return layerNorm(call, x);
    if (name == "Softmax")
        return softmax(call, x);
    if (name.starts_with("Dropout"))
        return {elementwise(call, x, "dropout", elementwise::dropout())};
    if (name == "Sigmoid")
        return {elementwise(call, x, "sigmoid", elementwise::sigmoid())};
    if (name == "Tanh")
        return {elementwise(call, x, "tanh", elementwise::tanh())};
    if (name == "ReLU")
        return {elementwise(call, x, "relu", elementwise::relu())};
    if (name == "GELU")
        return {elementwise(call, x, "gelu", elementwise::gelu("none")),
                elementwise(call, x, "gelu", elementwise::gelu("tanh"))};
    return {};
}

} // namespace

bool isKnownClass(const std::string& className) {
    static const std::set<std::string> kClasses{"Linear",
                                                "NonDynamicallyQuantizableLinear",
                                                "Conv1d",
                                                "Conv2d",
                                                "Conv3d",
                                                "ConvTranspose1d",
                                                "ConvTranspose2d",
                                                "ConvTranspose3d",
                                                "LSTMCell",
                                                "GRUCell",
                                                "RNNCell",
                                                "LayerNorm",
                                                "Softmax",
                                                "Dropout",
                                                "Dropout1d",
                                                "Dropout2d",
                                                "Dropout3d",
                                                "Sigmoid",
                                                "Tanh",
                                                "ReLU",
                                                "GELU",
                                                "MultiheadAttention",
                                                "TransformerDecoderLayer",
                                                "TransformerEncoderLayer"};
    return kClasses.contains(className);
}

Candidates candidates(const ModuleCall& call, const Builder& builder) {
    Candidates list = allCandidates(call, builder);
    if (list.size() > kMaxCandidates)
        list.resize(kMaxCandidates);
    return list;
}

} // namespace fxp::quant
