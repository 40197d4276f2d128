#include "quant/layers/transformer_encoder_layer.h"

namespace fxp::quant {

namespace {

Value sum(Value a, Value b, Builder& run) {
    return run.call("aten::add.Tensor", {a, b, 1});
}

} // namespace

TransformerEncoderLayer::TransformerEncoderLayer(const std::string& path, const EncoderLayerParameters& p)
    : Layer(kType, path), norm1(*this, "norm1", p.norm1), selfAttn(*this, "self_attn", p.attention),
      selfAttnDropout(*this, "dropout", "self_attn_dropout", elementwise::dropout(), "dropout"),
      norm2(*this, "norm2", p.norm2), linear1(*this, "linear1", p.linear1Weight, p.linear1Bias, "ffn.linear1"),
      dropout1(*this, "dropout", "dropout1", elementwise::dropout(), "ffn.dropout1"),
      linear2(*this, "linear2", p.linear2Weight, p.linear2Bias, "ffn.linear2"),
      dropout2(*this, "dropout", "dropout2", elementwise::dropout(), "ffn.dropout2"), m_normFirst(p.normFirst),
      m_activation(p.activation == "gelu" ? elementwise::gelu() : elementwise::relu()) {}

Value TransformerEncoderLayer::attend(Value x, const Inputs& inputs, Builder& run) {
    const auto attention =
        selfAttn.forward({x, x, x, inputs.attentionMask, inputs.keyPaddingMask, false, inputs.causal}, run);
    return selfAttnDropout.forward(attention.output, run);
}

Value TransformerEncoderLayer::feedForward(Value x, Builder& run) {
    const Value hidden = linear1.forward(x, run);
    const Value active = m_activation(hidden, run);
    const Value activeq = quantizeLogged(run, ffActivation, active, "ffn.ff_activation", "ffn.ff_activation_quant");
    const Value output = dropout2.forward(linear2.forward(dropout1.forward(activeq, run), run), run);
    log(run, "ffn.output", output);
    return output;
}

Value TransformerEncoderLayer::forward(const Inputs& inputs, Builder& run) {
    const Scope scope(*this, run);
    const auto firstResidual = [&](Value x, Value attention) {
        return quantizeLogged(run, residual1, sum(x, attention, run), "residual1_after_attn",
                              "residual1_after_attn_quant");
    };
    const Value x = quantizeLogged(run, input, inputs.source);
    if (m_normFirst) {
        const Value middle = firstResidual(x, attend(norm1.forward(x, run), inputs, run));
        const Value stream = sum(middle, feedForward(norm2.forward(middle, run), run), run);
        return quantizeLogged(run, residual2, stream, "residual_2_pre_quant", "output");
    }
    const Value middle = norm1.forward(firstResidual(x, attend(x, inputs, run)), run);
    const Value stream = sum(middle, feedForward(middle, run), run);
    const Value streamq =
        quantizeLogged(run, residual2, stream, "residual2_after_ffn_output", "residual2_after_ffn_output_quant");
    const Value output = norm2.forward(streamq, run);
    log(run, "output", output);
    return output;
}

} // namespace fxp::quant
