#include "quant/import/known_modules.h"

#include "quant/import/attention_modules.h"
#include "quant/import/layer_operators.h"
#include "quant/import/module_call.h"
#include "quant/layers/convolution.h"
#include "quant/layers/elementwise.h"
#include "quant/layers/layer_norm.h"
#include "quant/layers/linear.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <set>

namespace fxp::quant {

namespace {

/// Runs a layer of one input and one output and declares it.
template <class L, class... Arguments> Candidate single(Value input, Arguments... arguments) {
    return {[=](Builder& run) {
        L layer(arguments...);
        const Value output = layer.forward(input, run);
        run.declare(layer);
        return std::vector<Value>{output};
    }};
}

Candidates linear(const ModuleCall& call, Value x) {
    return {single<Linear>(x, call.path, parameter(call, "weight"), parameter(call, "bias"))};
}

/// nn.Conv1d … nn.ConvTranspose3d. What the operator inside was given says more than the file's attributes.
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
    // aten::_convolution has `transposed`, a bool, seventh and its groups ninth; aten::convNd its groups seventh;
    // aten::conv_transposeNd its output padding sixth, its groups seventh, its dilation eighth.
    const bool raw = seen && seen->arguments.size() > 8 && seen->arguments[6].isBool();
    const bool transposedCall = seen && !raw && options.transposed;
    options.stride = given("stride", 3);
    options.padding = given("padding", 4);
    options.dilation = given("dilation", transposedCall ? 7 : 5);
    options.outputPadding = given("output_padding", raw              ? std::optional<std::size_t>(7)
                                                    : transposedCall ? std::optional<std::size_t>(5)
                                                                     : std::nullopt);
    options.groups = attribute<std::int64_t>(call, "groups").value_or(1);
    const std::size_t groups = raw ? 8 : 6;
    if (seen && groups < seen->arguments.size() && seen->arguments[groups].isInt())
        options.groups = seen->arguments[groups].toInt();
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
    return {elementwise(call, x, "softmax", functions::softmax(dim))};
}

/// nn.LSTMCell, nn.GRUCell and nn.RNNCell. A trace has decomposed them, and lost the order of x and the states.
Candidates cell(const ModuleCall& call, OperatorRecorder& recorder) {
    const at::Tensor weightIh = parameter(call, "weight_ih"), weightHh = parameter(call, "weight_hh");
    if (!weightIh.defined() || !weightHh.defined())
        return {};
    std::vector<Value> given;
    for (const auto& argument : call.arguments) {
        if (argument.value.isTensor())
            given.push_back(recorder.valueOf(argument.value.toTensor()));
        else if (argument.value.isTuple())
            for (const at::IValue& state : argument.value.toTupleRef().elements())
                given.push_back(recorder.valueOf(state.toTensor()));
    }
    const std::size_t states = call.className == "LSTMCell" ? 2 : 1;
    std::vector<std::string> operators{call.className == "LSTMCell" ? "lstm_cell" : "gru_cell"};
    if (call.className == "RNNCell")
        operators = {"rnn_tanh_cell", "rnn_relu_cell"};
    Candidates list;
    forEachChoice(given, std::min(given.size(), 1 + states), [&](const std::vector<Value>& chosen, const auto&) {
        const at::Tensor x = recorder.builder().tensor(chosen[0]);
        c10::List<at::Tensor> hidden;
        for (std::size_t i = 0; i < states; ++i)
            hidden.push_back(chosen.size() > 1 + i ? recorder.builder().tensor(chosen[1 + i])
                                                   : at::zeros({x.size(0), weightHh.size(1)}));
        std::map<const void*, Value> values;
        for (std::size_t i = 0; i < chosen.size(); ++i)
            values[recorder.builder().tensor(chosen[i]).unsafeGetTensorImpl()] = chosen[i];
        const c10::Stack arguments{x,
                                   states == 2 ? at::IValue(hidden) : at::IValue(hidden.get(0)),
                                   weightIh,
                                   weightHh,
                                   parameter(call, "bias_ih"),
                                   parameter(call, "bias_hh")};
        for (const std::string& name : operators) {
            // A trace gives back no state that nobody reads.
            const bool hiddenAlone = call.result.isTensor();
            list.push_back({[=, path = call.path](Builder& run) {
                const auto valueOf = [&](const at::Tensor& tensor) {
                    const auto known = values.find(tensor.unsafeGetTensorImpl());
                    return known != values.end() ? known->second : run.constant(tensor);
                };
                auto results = recordLayerOperator(name, arguments, path, valueOf, run).value_or(std::vector<Value>{});
                results.resize(hiddenAlone ? std::min<std::size_t>(results.size(), 1) : results.size());
                return results;
            }});
        }
    });
    return list;
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

Candidates candidates(const ModuleCall& call, OperatorRecorder& recorder) {
    const std::vector<Value> tensors = tensorArguments(call, recorder);
    if (tensors.empty())
        return {};
    const Value x = tensors[0];
    const std::string& name = call.className;
    if (name == "MultiheadAttention")
        return attentionCandidates(call, recorder);
    if (name == "TransformerEncoderLayer")
        return encoderLayerCandidates(call, recorder);
    if (name == "TransformerDecoderLayer")
        return decoderLayerCandidates(call, recorder);
    if (name == "Linear" || name == "NonDynamicallyQuantizableLinear")
        return linear(call, x);
    if (name.ends_with("Cell"))
        return cell(call, recorder);
    if (name.starts_with("Conv"))
        return convolution(call, x);
    if (name == "LayerNorm")
        return layerNorm(call, x);
    if (name == "Softmax")
        return softmax(call, x);
    if (name.starts_with("Dropout"))
        return {elementwise(call, x, "dropout", functions::dropout())};
    if (name == "Sigmoid")
        return {elementwise(call, x, "sigmoid", functions::sigmoid())};
    if (name == "Tanh")
        return {elementwise(call, x, "tanh", functions::tanh())};
    if (name == "ReLU")
        return {elementwise(call, x, "relu", functions::relu())};
    if (name == "GELU")
        return {elementwise(call, x, "gelu", functions::gelu("none")),
                elementwise(call, x, "gelu", functions::gelu("tanh"))};
    return {};
}

} // namespace fxp::quant
