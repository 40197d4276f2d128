#include "support/layer_network.h"

#include "quant/layers/convolution.h"
#include "quant/layers/elementwise.h"
#include "quant/layers/layer_norm.h"
#include "quant/layers/linear.h"
#include "quant/layers/lstm.h"
#include "quant/layers/multihead_attention.h"
#include "quant/layers/transformer_encoder_layer.h"

#include <ATen/ATen.h>

namespace fxp::test {

using namespace quant;

namespace {

constexpr auto kPath = "layer";

AttentionParameters attention(const std::function<at::Tensor(const std::string&)>& state, std::int64_t heads) {
    return {state("qlinear.weight"),  state("klinear.weight"), state("vlinear.weight"),
            state("qlinear.bias"),    state("klinear.bias"),   state("vlinear.bias"),
            state("out_proj.weight"), state("out_proj.bias"),  heads};
}

template <class L> std::vector<Value> declared(L& layer, Builder& run, std::vector<Value> outputs) {
    layer.declare(run);
    return outputs;
}

} // namespace

LayerNetwork::LayerNetwork(std::vector<std::string> inputs, Forward forward)
    : m_modules{{"", "test", 0, {}}}, m_forward(std::move(forward)) {
    for (std::string& input : inputs)
        m_arguments.push_back({std::move(input), ArgumentInfo::Kind::Tensor, false, "Tensor", {}});
}

Recording LayerNetwork::record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& /*stop*/) {
    Builder builder;
    std::vector<Value> inputs;
    for (const auto& argument : arguments)
        inputs.push_back(builder.input(argument->toTensor()));
    const std::vector<Value> outputs = m_forward(builder, inputs);
    Builder::Finished finished = builder.finish(outputs);
    Recording recording;
    recording.program = std::move(finished.program);
    recording.values = std::move(finished.values);
    return recording;
}

std::vector<at::Tensor> goldenInputs(const Json& goldenCase) {
    std::vector<at::Tensor> inputs;
    for (const Json& input : goldenCase["inputs"])
        inputs.push_back(tensorFromBits(input));
    const Json states = goldenCase["kwargs"].value("hx", Json::array());
    for (const Json& state : states)
        inputs.push_back(tensorFromBits(state));
    return inputs;
}

std::unique_ptr<Network> goldenNetwork(const Json& goldenCase) {
    const std::string type = goldenCase["layer_type"];
    const Json module = goldenCase["module"];
    const auto state = [stateJson = goldenCase["state"]](const std::string& name) {
        return tensorFromBits(stateJson.value(name, Json()));
    };
    std::vector<std::string> names;
    for (std::size_t i = 0; i < goldenInputs(goldenCase).size(); ++i)
        names.push_back("x" + std::to_string(i));

    const auto forward = [=](Builder& run, const std::vector<Value>& in) -> std::vector<Value> {
        if (type == "linear") {
            Linear layer(kPath, state("weight"), state("bias"));
            return declared(layer, run, {layer.forward(in[0], run)});
        }
        if (type == "conv2d") {
            ConvolutionOptions options;
            options.stride = module["stride"].get<std::vector<std::int64_t>>();
            options.padding = module["padding"].get<std::vector<std::int64_t>>();
            options.dilation = module["dilation"].get<std::vector<std::int64_t>>();
            options.groups = module["groups"];
            Convolution layer(kPath, state("weight"), state("bias"), options);
            return declared(layer, run, {layer.forward(in[0], run)});
        }
        if (type == "layer_norm") {
            const Json shape = module["normalized_shape"];
            LayerNorm::Parameters p{state("weight"), state("bias"), {}, module.value("eps", 1e-5)};
            p.normalizedShape = shape.is_array() ? shape.get<std::vector<std::int64_t>>()
                                                 : std::vector<std::int64_t>{shape.get<std::int64_t>()};
            LayerNorm layer(kPath, p);
            return declared(layer, run, {layer.forward(in[0], run)});
        }
        if (type == "multihead_attention") {
            MultiheadAttention layer(kPath, attention(state, module["num_heads"]));
            const auto out = layer.forward({in[0], in[1], in[2], {}, {}}, run);
            std::vector<Value> outputs{out.output};
            if (goldenCase["outputs"].size() > 1)
                outputs.push_back(
                    run.call("mean", {out.weights, {"dims", std::vector<std::int64_t>{1}}, {"keepdim", false}}));
            return declared(layer, run, outputs);
        }
        if (type == "transformer_encoder_layer") {
            EncoderLayerParameters p;
            p.attention = attention([&](const std::string& n) { return state("self_attn." + n); }, module["nhead"]);
            p.linear1Weight = state("linear1.weight");
            p.linear1Bias = state("linear1.bias");
            p.linear2Weight = state("linear2.weight");
            p.linear2Bias = state("linear2.bias");
            const std::vector<std::int64_t> shape{module["d_model"].get<std::int64_t>()};
            const double eps = module.value("layer_norm_eps", 1e-5);
            p.norm1 = {state("norm1.weight"), state("norm1.bias"), shape, eps};
            p.norm2 = {state("norm2.weight"), state("norm2.bias"), shape, eps};
            p.normFirst = module.value("norm_first", false);
            p.activation = module.value("activation", std::string("relu"));
            TransformerEncoderLayer layer(kPath, p);
            return declared(layer, run, {layer.forward({in[0], {}, {}}, run)});
        }
        if (type == "lstm") {
            Lstm layer(kPath,
                       {state("w_ih.weight"), state("w_hh.weight"), state("w_ih.bias"), state("w_hh.bias"), {}, false});
            const auto out =
                layer.forward({in[0], in.size() > 2 ? in[1] : Value{}, in.size() > 2 ? in[2] : Value{}}, run);
            const auto withLayer = [&run](Value state) { return run.call("aten::unsqueeze", {state, 0}); };
            return declared(layer, run, {out.output, withLayer(out.hn), withLayer(out.cn)});
        }
        Elementwise::Function function;
        if (type == "softmax")
            function = elementwise::softmax(module.value("dim", -1));
        else if (type == "dropout")
            function = elementwise::dropout();
        else if (type == "sigmoid")
            function = elementwise::sigmoid();
        else if (type == "tanh")
            function = elementwise::tanh();
        else
            throw std::runtime_error("no layer of type " + type);
        Elementwise layer(type, kPath, function);
        return declared(layer, run, {layer.forward(in[0], run)});
    };
    return std::make_unique<LayerNetwork>(names, forward);
}

} // namespace fxp::test
