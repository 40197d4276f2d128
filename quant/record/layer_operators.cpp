#include "quant/record/layer_operators.h"

#include "quant/layers/convolution.h"
#include "quant/layers/gru.h"
#include "quant/layers/layer_norm.h"
#include "quant/layers/lstm.h"
#include "quant/layers/scaled_dot_product_attention.h"
#include "quant/ops/convolution_places.h"
#include "quant/record/operator_products.h"

#include <ATen/ATen.h>

namespace fxp::quant {

namespace {

using ValueOf = std::function<Value(const at::Tensor&)>;

/// The arguments of a recurrent operator, in one form for all kinds.
struct RecurrentCall {
    std::string kind; ///< lstm, gru, rnn_tanh, rnn_relu
    Value x;          ///< [B, T, I]
    std::vector<at::Tensor> parameters;
    Value h0, c0; ///< [layers · directions, B, H]
    bool biases = true, bidirectional = false;
    std::int64_t layers = 1;
};

struct StepResult {
    Value output, hn, cn;
};

StepResult recordOne(const RecurrentCall& call, const RecurrentParameters& parameters, const std::string& path, Value x,
                     Value h0, Value c0, Builder& run) {
    if (call.kind == "lstm") {
        Lstm layer(path, parameters);
        const auto out = layer.forward({x, h0, c0}, run);
        layer.declare(run);
        return {out.output, out.hn, out.cn};
    }
    if (call.kind == "gru") {
        Gru layer(path, parameters);
        const auto out = layer.forward(x, h0, run);
        layer.declare(run);
        return {out.output, out.hn, {}};
    }
    Rnn layer(path, parameters, call.kind == "rnn_relu" ? "relu" : "tanh");
    const auto out = layer.forward(x, h0, run);
    layer.declare(run);
    return {out.output, out.hn, {}};
}

Value selected(Value all, std::int64_t index, Builder& run) {
    return run.call("aten::select.int", {all, 0, index});
}

Value joined(const std::vector<Value>& parts, bool stacked, Builder& run) {
    if (parts.size() == 1 && !stacked)
        return parts[0];
    const Operand::List list(parts.begin(), parts.end());
    return stacked ? run.call("aten::stack", {list, 0}) : run.call("aten::cat", {list, -1});
}

std::optional<std::vector<Value>> recordRecurrent(const RecurrentCall& call, const std::string& path, Builder& run) {
    const std::size_t directions = call.bidirectional ? 2 : 1;
    const auto sets = static_cast<std::size_t>(call.layers) * directions;
    if (sets == 0 || call.parameters.size() % sets != 0)
        return std::nullopt;
    const std::size_t each = call.parameters.size() / sets, plain = call.biases ? 4 : 2;
    if (each != plain && !(call.kind == "lstm" && each == plain + 1))
        return std::nullopt;
    Value x = call.x;
    std::vector<Value> hidden, cells;
    for (std::int64_t number = 0; number < call.layers; ++number) {
        std::vector<Value> outputs;
        for (std::size_t direction = 0; direction < directions; ++direction) {
            const std::size_t set = static_cast<std::size_t>(number) * directions + direction;
            const at::Tensor* p = &call.parameters[set * each];
            RecurrentParameters parameters{p[0], p[1], {}, {}, {}, direction == 1};
            if (call.biases) {
                parameters.biasIh = p[2];
                parameters.biasHh = p[3];
            }
            if (each > plain)
                parameters.weightHr = p[plain];
            std::string own = path;
            if (sets > 1)
                own = joinPath(path, "l" + std::to_string(number) + (direction == 1 ? "_reverse" : ""));
            const auto index = static_cast<std::int64_t>(set);
            const StepResult result = recordOne(call, parameters, own, x, selected(call.h0, index, run),
                                                call.c0.defined() ? selected(call.c0, index, run) : Value{}, run);
            outputs.push_back(result.output);
            hidden.push_back(result.hn);
            if (result.cn.defined())
                cells.push_back(result.cn);
        }
        x = joined(outputs, false, run);
    }
    std::vector<Value> results{x, joined(hidden, true, run)};
    if (!cells.empty())
        results.push_back(joined(cells, true, run));
    return results;
}

Value transposed(Value x, Builder& run) {
    return run.call("aten::transpose.int", {x, 0, 1});
}

/// aten::lstm(input, hx[], params[], has_biases, num_layers, dropout, train, bidirectional, batch_first); gru and rnn
/// take hx as one tensor. Packed sequences have their batch sizes second, and stay operators.
std::optional<std::vector<Value>> sequence(const std::string& name, const c10::Stack& a, const std::string& path,
                                           const ValueOf& valueOf, Builder& run) {
    if (a.size() != 9 || !a[0].isTensor() || !a[2].isTensorList() || !a[3].isBool())
        return std::nullopt;
    RecurrentCall call;
    call.kind = name;
    const bool batchFirst = a[8].toBool();
    call.x = valueOf(a[0].toTensor());
    if (!batchFirst)
        call.x = transposed(call.x, run);
    if (a[1].isTensorList()) {
        call.h0 = valueOf(a[1].toTensorVector().at(0));
        call.c0 = valueOf(a[1].toTensorVector().at(1));
    } else {
        call.h0 = valueOf(a[1].toTensor());
    }
    call.parameters = a[2].toTensorVector();
    call.biases = a[3].toBool();
    call.layers = a[4].toInt();
    call.bidirectional = a[7].toBool();
    auto results = recordRecurrent(call, path, run);
    if (results && !batchFirst)
        (*results)[0] = transposed((*results)[0], run);
    return results;
}

/// aten::lstm_cell(input, hx[], w_ih, w_hh, b_ih, b_hh) and its like: one step of a sequence.
std::optional<std::vector<Value>> cell(const std::string& name, const c10::Stack& a, const std::string& path,
                                       const ValueOf& valueOf, Builder& run) {
    if (a.size() != 6 || !a[2].isTensor() || !a[3].isTensor())
        return std::nullopt;
    RecurrentCall call;
    call.kind = name.substr(0, name.rfind("_cell"));
    const auto widened = [&](const at::Tensor& tensor, std::int64_t dim) {
        return run.call("aten::unsqueeze", {valueOf(tensor), dim});
    };
    call.x = widened(a[0].toTensor(), 1);
    if (a[1].isTensorList()) {
        call.h0 = widened(a[1].toTensorVector().at(0), 0);
        call.c0 = widened(a[1].toTensorVector().at(1), 0);
    } else {
        call.h0 = widened(a[1].toTensor(), 0);
    }
    call.parameters = {a[2].toTensor(), a[3].toTensor()};
    call.biases = a[4].isTensor() && a[4].toTensor().defined();
    if (call.biases)
        call.parameters.insert(call.parameters.end(), {a[4].toTensor(), a[5].toTensor()});
    const auto results = recordRecurrent(call, path, run);
    if (!results)
        return std::nullopt;
    std::vector<Value> states{selected((*results)[1], 0, run)};
    if (results->size() > 2)
        states.push_back(selected((*results)[2], 0, run));
    return states;
}

/// scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa); older ones have
/// no scale, or no grouped queries.
std::optional<std::vector<Value>> attention(const c10::Stack& a, const std::string& path, const ValueOf& valueOf,
                                            Builder& run) {
    if (a.size() < 6 || !a[5].isBool() || (a.size() > 4 && a[4].isDouble() && a[4].toDouble() != 0))
        return std::nullopt;
    ScaledDotProductAttention::Inputs inputs{
        valueOf(a[0].toTensor()), valueOf(a[1].toTensor()), valueOf(a[2].toTensor()), {}};
    if (a[3].isTensor() && a[3].toTensor().defined())
        inputs.mask = valueOf(a[3].toTensor());
    ScaledDotProductAttention::Options options;
    options.causal = a[5].toBool();
    if (a.size() > 6 && a[6].isDouble())
        options.scale = a[6].toDouble();
    options.groupedQueries = a.size() > 7 && a[7].isBool() && a[7].toBool();
    ScaledDotProductAttention layer(path, options);
    const Value output = layer.forward(inputs, run);
    layer.declare(run);
    return std::vector<Value>{output};
}

at::Tensor tensorOrNone(const at::IValue& value) {
    return value.isTensor() ? value.toTensor() : at::Tensor();
}

template <class L, class... Arguments> std::vector<Value> recordLayer(Value x, Builder& run, Arguments... arguments) {
    L layer(arguments...);
    const Value y = layer.forward(x, run);
    layer.declare(run);
    return {y};
}

/// aten::linear(input, weight, bias), or addmm(bias, input, weight transposed, beta, alpha).
std::optional<std::vector<Value>> linear(const std::string& name, const c10::Stack& a, const std::string& path,
                                         const ValueOf& valueOf, Builder& run) {
    if (name == "addmm" && !isLinearAddmm(a))
        return std::nullopt;
    const bool add = name == "addmm";
    const at::Tensor weight = add ? a.at(2).toTensor().t() : a.at(1).toTensor();
    if (weight.dim() != 2)
        return std::nullopt;
    return recordLayer<Linear>(valueOf((add ? a[1] : a[0]).toTensor()), run, path, weight,
                               tensorOrNone(add ? a[0] : a.at(2)));
}

/// The padding on either side of each dimension that keeps its length at stride 1; the odd element goes behind.
std::vector<std::int64_t> samePadding(const at::Tensor& weight, const std::vector<std::int64_t>& dilation) {
    std::vector<std::int64_t> pads; // as constant_pad_nd has them: the last dimension first
    for (std::int64_t i = weight.dim() - 1; i >= 2; --i) {
        const std::int64_t each = dilation[dilation.size() == 1 ? 0 : static_cast<std::size_t>(i - 2)];
        const std::int64_t total = each * (weight.size(i) - 1);
        pads.insert(pads.end(), {total / 2, total - total / 2});
    }
    return pads;
}

/// A convolution of any of the schemas of ConvolutionPlaces; the padding may also be "same" or "valid".
std::optional<std::vector<Value>> convolution(const std::string& name, const c10::Stack& a, const std::string& path,
                                              const ValueOf& valueOf, Builder& run) {
    const at::Tensor weight = a.at(1).toTensor();
    Value x = valueOf(a[0].toTensor());
    ConvolutionOptions options;
    const bool isGeneral = a.size() > 8 && a[6].isBool();
    options.transposed = isGeneral ? a[6].toBool() : name.starts_with("conv_transpose");
    const ConvolutionPlaces places(isGeneral, options.transposed);
    options.stride = a.at(places.stride).toIntVector();
    options.dilation = a.at(places.dilation).toIntVector();
    options.groups = a.at(places.groups).toInt();
    if (places.outputPadding)
        options.outputPadding = a.at(*places.outputPadding).toIntVector();
    const at::IValue& padding = a.at(places.padding);
    if (padding.isIntList()) {
        options.padding = padding.toIntVector();
    } else if (padding.toStringRef() == "same") {
        x = run.call("aten::constant_pad_nd", {x, samePadding(weight, options.dilation), 0});
    }
    return recordLayer<Convolution>(x, run, path, weight, tensorOrNone(a[2]), options);
}

/// aten::layer_norm(input, normalized_shape, weight, bias, eps, …).
std::optional<std::vector<Value>> layerNorm(const c10::Stack& a, const std::string& path, const ValueOf& valueOf,
                                            Builder& run) {
    const LayerNorm::Parameters parameters{tensorOrNone(a.at(2)), tensorOrNone(a.at(3)), a[1].toIntVector(),
                                           a.at(4).toDouble()};
    return recordLayer<LayerNorm>(valueOf(a[0].toTensor()), run, path, parameters);
}

/// A layer holds its parameters: an operator whose weights depend on the inputs is not a layer.
bool hasConstantParameters(const std::string& name, const c10::Stack& a, const ValueOf& valueOf, const Builder& run) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        const bool isInput = i == (name == "addmm" ? 1 : 0);
        if (!isInput && a[i].isTensor() && a[i].toTensor().defined() && !run.isConstant(valueOf(a[i].toTensor())))
            return false;
    }
    return true;
}

bool isConvolution(const std::string& name) {
    return name.starts_with("conv") && name.ends_with("d");
}

bool isRecurrent(const std::string& name) {
    return name == "lstm" || name == "gru" || name == "rnn_tanh" || name == "rnn_relu";
}

} // namespace

bool isLayerOperator(const std::string& name) {
    return isRecurrent(name) || name.ends_with("_cell") || name == "scaled_dot_product_attention" || name == "linear" ||
           name == "addmm" || name == "layer_norm" || isConvolution(name);
}

std::optional<std::vector<Value>> recordLayerOperator(const std::string& name, const c10::Stack& arguments,
                                                      const std::string& path, const ValueOf& valueOf, Builder& run) {
    if (name == "scaled_dot_product_attention")
        return attention(arguments, path, valueOf, run);
    if (name.ends_with("_cell"))
        return cell(name, arguments, path, valueOf, run);
    if (isRecurrent(name))
        return sequence(name, arguments, path, valueOf, run);
    if (!hasConstantParameters(name, arguments, valueOf, run))
        return std::nullopt;
    if (name == "layer_norm")
        return layerNorm(arguments, path, valueOf, run);
    return isConvolution(name) ? convolution(name, arguments, path, valueOf, run)
                               : linear(name, arguments, path, valueOf, run);
}

} // namespace fxp::quant
