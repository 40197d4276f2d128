#include "quant/import/known_modules.h"

#include "quant/core/error.h"
#include "quant/layers/convolution.h"
#include "quant/layers/elementwise.h"
#include "quant/layers/layer_norm.h"
#include "quant/layers/linear.h"
#include "quant/layers/multihead_attention.h"
#include "quant/layers/transformer_encoder_layer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <memory>
#include <set>

namespace fxp::quant {

namespace {

using Candidates = std::vector<Candidate>;

at::Tensor parameter(const ModuleCall& call, const std::string& name) {
    const auto found = call.parameters.find(name);
    return found == call.parameters.end() ? at::Tensor() : found->second;
}

template <class T> std::optional<T> attribute(const ModuleCall& call, const std::string& name) {
    const auto found = call.attributes.find(name);
    if (found == call.attributes.end() || found->second.isNone())
        return std::nullopt;
    try {
        return found->second.to<T>();
    } catch (const std::exception&) {
        return std::nullopt; // an attribute of that name with another type says nothing
    }
}

std::optional<OperatorRecorder::Hint> hint(const ModuleCall& call, const std::string& op) {
    for (const auto& candidate : call.hints) {
        if (candidate.op == op)
            return candidate;
    }
    return std::nullopt;
}

std::vector<Value> tensorArguments(const ModuleCall& call, OperatorRecorder& recorder) {
    std::vector<Value> values;
    for (const auto& argument : call.arguments) {
        if (argument.value.isTensor())
            values.push_back(recorder.valueOf(argument.value.toTensor()));
    }
    return values;
}

Value namedArgument(const ModuleCall& call, const std::string& name, OperatorRecorder& recorder) {
    for (const auto& argument : call.arguments) {
        if (argument.name == name && argument.value.isTensor())
            return recorder.valueOf(argument.value.toTensor());
    }
    return {};
}

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

/// Epsilons worth a try: the attribute, what the operators inside were given, the usual ones.
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
    else if (const auto seen = hint(call, "layer_norm"); seen && seen->arguments[1].isIntList())
        p.normalizedShape = seen->arguments[1].toIntVector();
    return p;
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

/// Divisors of the embedding, the file's own count of heads first, then the larger ones.
std::vector<std::int64_t> headCounts(const ModuleCall& call, const std::string& prefix, std::int64_t embed) {
    std::vector<std::int64_t> counts;
    if (const auto heads = attribute<std::int64_t>(call, prefix + "num_heads"))
        counts.push_back(*heads);
    for (const auto& seen : call.hints) { // the fused kernels are given it
        for (const at::IValue& argument : seen.arguments) {
            if (seen.op.starts_with("_") && argument.isInt() && argument.toInt() > 0 && embed % argument.toInt() == 0 &&
                argument.toInt() != embed)
                counts.push_back(argument.toInt());
        }
    }
    for (std::int64_t heads = embed; heads >= 1; --heads) {
        if (embed % heads == 0)
            counts.push_back(heads);
    }
    std::vector<std::int64_t> distinct;
    for (const std::int64_t heads : counts) {
        if (heads > 0 && std::ranges::find(distinct, heads) == distinct.end())
            distinct.push_back(heads);
    }
    return distinct;
}

std::optional<AttentionParameters> attentionParameters(const ModuleCall& call, const std::string& prefix) {
    AttentionParameters p;
    const at::Tensor packed = parameter(call, prefix + "in_proj_weight");
    const at::Tensor packedBias = parameter(call, prefix + "in_proj_bias");
    p.outWeight = parameter(call, prefix + "out_proj.weight");
    p.outBias = parameter(call, prefix + "out_proj.bias");
    if (packed.defined()) {
        splitPacked(packed, packedBias, p);
    } else {
        p.qWeight = parameter(call, prefix + "q_proj_weight");
        p.kWeight = parameter(call, prefix + "k_proj_weight");
        p.vWeight = parameter(call, prefix + "v_proj_weight");
        if (packedBias.defined()) {
            const auto biases = packedBias.chunk(3);
            p.qBias = biases[0].contiguous();
            p.kBias = biases[1].contiguous();
            p.vBias = biases[2].contiguous();
        }
    }
    // Appended key and value rows are no part of the layer's definition.
    if (parameter(call, prefix + "bias_k").defined() || !p.qWeight.defined() || !p.kWeight.defined() ||
        !p.vWeight.defined() || !p.outWeight.defined())
        return std::nullopt;
    return p;
}

/// [T, B, E] ↔ [B, T, E], or a batch of one around an unbatched [T, E]; the tensor itself where it is batch first.
enum class Arrangement { BatchFirst, TimeFirst, Unbatched };

Value arrange(Value x, Arrangement arrangement, Builder& run) {
    if (arrangement == Arrangement::TimeFirst)
        return run.apply("transpose", {x}, [](std::span<const at::Tensor> in) { return in[0].transpose(0, 1); });
    if (arrangement == Arrangement::Unbatched)
        return run.apply("unsqueeze", {x}, [](std::span<const at::Tensor> in) { return in[0].unsqueeze(0); });
    return x;
}

Value arrangeBack(Value x, Arrangement arrangement, Builder& run) {
    if (arrangement == Arrangement::Unbatched)
        return run.apply("squeeze", {x}, [](std::span<const at::Tensor> in) { return in[0].squeeze(0); });
    return arrange(x, arrangement, run);
}

std::vector<Arrangement> arrangements(const ModuleCall& call, const std::string& prefix, std::int64_t dims) {
    if (dims == 2)
        return {Arrangement::Unbatched};
    if (const auto batchFirst = attribute<bool>(call, prefix + "batch_first"))
        return {*batchFirst ? Arrangement::BatchFirst : Arrangement::TimeFirst};
    return {Arrangement::BatchFirst, Arrangement::TimeFirst};
}

struct AttentionArguments {
    MultiheadAttention::Inputs inputs;
    bool wantsWeights = false, averageWeights = true;
};

/// Query, key, value and masks: by name where the file has the names, else in the order of nn.MultiheadAttention's,
/// where tracing merges arguments that are one tensor.
AttentionArguments attentionArguments(const ModuleCall& call, OperatorRecorder& recorder) {
    AttentionArguments result;
    auto& in = result.inputs;
    std::vector<Value> rest;
    for (const auto& argument : call.arguments) {
        if (!argument.value.isTensor())
            continue;
        const Value value = recorder.valueOf(argument.value.toTensor());
        if (argument.name == "attn_mask")
            in.attentionMask = value;
        else if (argument.name == "key_padding_mask")
            in.keyPaddingMask = value;
        else
            rest.push_back(value);
    }
    std::vector<Value> main;
    const std::int64_t dims = rest.empty() ? 0 : recorder.builder().tensor(rest[0]).dim();
    for (const Value value : rest) {
        const at::Tensor& tensor = recorder.builder().tensor(value);
        const bool isMask = tensor.scalar_type() == at::kBool || tensor.dim() != dims;
        if (!isMask && main.size() < 3)
            main.push_back(value);
        else if (tensor.dim() == 2 && tensor.size(0) != tensor.size(1))
            in.keyPaddingMask = value;
        else
            in.attentionMask = value;
    }
    in.query = main.empty() ? Value{} : main[0];
    in.key = main.size() > 1 ? main[1] : in.query;
    in.value = main.size() > 2 ? main[2] : in.key;
    if (call.result.isTuple() && call.result.toTupleRef().elements().size() == 2 &&
        call.result.toTupleRef().elements()[1].isTensor()) {
        result.wantsWeights = true;
        const std::int64_t resultDims = call.result.toTupleRef().elements()[1].toTensor().dim();
        result.averageWeights = resultDims == dims; // [B, T, S] or [T, S] against one more for the heads
    }
    return result;
}

Candidates attention(const ModuleCall& call, OperatorRecorder& recorder) {
    const auto base = attentionParameters(call, "");
    const AttentionArguments arguments = attentionArguments(call, recorder);
    if (!base || !arguments.inputs.query.defined())
        return {};
    Candidates list;
    const std::int64_t dims = recorder.builder().tensor(arguments.inputs.query).dim();
    for (const std::int64_t heads : headCounts(call, "", base->qWeight.size(0))) {
        for (const Arrangement arrangement : arrangements(call, "", dims)) {
            AttentionParameters parameters = *base;
            parameters.heads = heads;
            list.push_back({[=, path = call.path](Builder& run) {
                MultiheadAttention layer(path, parameters);
                auto in = arguments.inputs;
                in.query = arrange(in.query, arrangement, run);
                in.key = arrange(in.key, arrangement, run);
                in.value = arrange(in.value, arrangement, run);
                const auto out = layer.forward(in, run);
                run.declare(layer);
                std::vector<Value> results{arrangeBack(out.output, arrangement, run)};
                if (arguments.wantsWeights) {
                    const bool unbatched = arrangement == Arrangement::Unbatched;
                    results.push_back(
                        run.apply("weights", {out.weights},
                                  [average = arguments.averageWeights, unbatched](std::span<const at::Tensor> t) {
                                      const at::Tensor weights = average ? t[0].mean(1) : t[0];
                                      return unbatched ? weights.squeeze(0) : weights;
                                  }));
                }
                return results;
            }});
        }
    }
    return list;
}

Candidates encoderLayer(const ModuleCall& call, OperatorRecorder& recorder) {
    const auto attention = attentionParameters(call, "self_attn.");
    const std::vector<Value> tensors = tensorArguments(call, recorder);
    if (!attention || tensors.empty() || !parameter(call, "linear1.weight").defined())
        return {};
    TransformerEncoderLayer::Inputs inputs{tensors[0], namedArgument(call, "src_mask", recorder),
                                           namedArgument(call, "src_key_padding_mask", recorder)};
    for (std::size_t i = 1; i < tensors.size(); ++i) { // a traced file's masks have lost their names
        const at::Tensor& mask = recorder.builder().tensor(tensors[i]);
        const bool known = tensors[i].id == inputs.attentionMask.id || tensors[i].id == inputs.keyPaddingMask.id;
        if (known)
            continue;
        const bool square = mask.dim() == 3 || (mask.dim() == 2 && mask.size(0) == mask.size(1));
        (square ? inputs.attentionMask : inputs.keyPaddingMask) = tensors[i];
    }
    std::vector<bool> orders{true, false};
    if (const auto normFirst = attribute<bool>(call, "norm_first"))
        orders = {*normFirst};
    std::vector<std::string> activations{"relu", "gelu"};
    if (hint(call, "gelu"))
        activations = {"gelu", "relu"};

    Candidates list;
    const std::int64_t dims = recorder.builder().tensor(inputs.source).dim();
    for (const std::int64_t heads : headCounts(call, "self_attn.", attention->qWeight.size(0)))
        for (const Arrangement arrangement : arrangements(call, "self_attn.", dims))
            for (const bool normFirst : orders)
                for (const std::string& activation : activations)
                    for (const double eps : epsilons(call, "norm1.")) {
                        EncoderLayerParameters p;
                        p.attention = *attention;
                        p.attention.heads = heads;
                        p.linear1Weight = parameter(call, "linear1.weight");
                        p.linear1Bias = parameter(call, "linear1.bias");
                        p.linear2Weight = parameter(call, "linear2.weight");
                        p.linear2Bias = parameter(call, "linear2.bias");
                        p.norm1 = normParameters(call, "norm1.", eps);
                        p.norm2 = normParameters(call, "norm2.", eps);
                        p.normFirst = normFirst;
                        p.activation = activation;
                        list.push_back({[=, path = call.path](Builder& run) {
                            TransformerEncoderLayer layer(path, p);
                            auto in = inputs;
                            in.source = arrange(in.source, arrangement, run);
                            const Value out = layer.forward(in, run);
                            run.declare(layer);
                            return std::vector<Value>{arrangeBack(out, arrangement, run)};
                        }});
                    }
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
        return attention(call, recorder);
    if (name == "TransformerEncoderLayer")
        return encoderLayer(call, recorder);
    if (name == "Linear" || name == "NonDynamicallyQuantizableLinear")
        return linear(call, x);
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
