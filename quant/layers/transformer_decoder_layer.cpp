#include "quant/layers/transformer_decoder_layer.h"

namespace fxp::quant {

TransformerDecoderLayer::TransformerDecoderLayer(const std::string& path, const DecoderLayerParameters& p)
    : Layer(kType, path), norm1(*this, "norm1", p.norm1), selfAttn(*this, "self_attn", p.selfAttention),
      dropout1(*this, "dropout", "dropout1", elementwise::dropout()), norm2(*this, "norm2", p.norm2),
      multiheadAttn(*this, "multihead_attn", p.crossAttention),
      dropout2(*this, "dropout", "dropout2", elementwise::dropout()), norm3(*this, "norm3", p.norm3),
      linear1(*this, "linear1", p.linear1Weight, p.linear1Bias),
      dropout(*this, "dropout", "dropout", elementwise::dropout()),
      linear2(*this, "linear2", p.linear2Weight, p.linear2Bias),
      dropout3(*this, "dropout", "dropout3", elementwise::dropout()), m_normFirst(p.normFirst),
      m_activation(p.activation == "gelu" ? elementwise::gelu() : elementwise::relu()) {}

Value TransformerDecoderLayer::feedForward(Value x, Builder& run) {
    const Value active = m_activation(linear1.forward(x, run), run);
    const Value activeq = quantizeLogged(run, ffActivation, active);
    return dropout3.forward(linear2.forward(dropout.forward(activeq, run), run), run);
}

Value TransformerDecoderLayer::forward(const Inputs& inputs, Builder& run) {
    const Scope scope(*this, run);
    const Value memoryq = quantizeLogged(run, memory, inputs.memory);
    const auto attendSelf = [&](Value x) {
        const auto attention = selfAttn.forward(
            {x, x, x, inputs.targetMask, inputs.targetKeyPaddingMask, false, inputs.targetCausal}, run);
        return dropout1.forward(attention.output, run);
    };
    const auto attendMemory = [&](Value x) {
        const auto attention = multiheadAttn.forward(
            {x, memoryq, memoryq, inputs.memoryMask, inputs.memoryKeyPaddingMask, false, inputs.memoryCausal}, run);
        return dropout2.forward(attention.output, run);
    };
    const auto residual = [&](const Slot& slot, Value x, Value branch) {
        return quantizeLogged(run, slot, run.call("aten::add.Tensor", {x, branch, 1}));
    };
    const Value x = quantizeLogged(run, input, inputs.target);
    Value output;
    if (m_normFirst) {
        const Value first = residual(residual1, x, attendSelf(norm1.forward(x, run)));
        const Value second = residual(residual2, first, attendMemory(norm2.forward(first, run)));
        output = residual(residual3, second, feedForward(norm3.forward(second, run), run));
    } else {
        const Value first = norm1.forward(residual(residual1, x, attendSelf(x)), run);
        const Value second = norm2.forward(residual(residual2, first, attendMemory(first)), run);
        output = norm3.forward(residual(residual3, second, feedForward(second, run)), run);
    }
    log(run, "output", output);
    return output;
}

} // namespace fxp::quant
