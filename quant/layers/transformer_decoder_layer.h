#pragma once

#include "quant/layers/layer_norm.h"
#include "quant/layers/multihead_attention.h"

namespace fxp::quant {

/// Parameters and constructor arguments of nn.TransformerDecoderLayer.
struct DecoderLayerParameters {
    AttentionParameters selfAttention, crossAttention;
    at::Tensor linear1Weight, linear1Bias, linear2Weight, linear2Bias;
    LayerNorm::Parameters norm1, norm2, norm3;
    bool normFirst = false;
    std::string activation = "relu"; ///< or "gelu"
};

/// Self-attention, attention over the encoder's memory, and feed-forward, each with a residual that is quantized; norms
/// before (norm_first) or after. An addition to FIXED_POINT.md, section 5, after its encoder layer.
/// target: [B, T, E], memory: [B, S, E]; y: [B, T, E].
class TransformerDecoderLayer final : public Layer {
  public:
    static constexpr auto kType = "transformer_decoder_layer";
    /// The sequences, and the masks in the form that MultiheadAttention takes.
    struct Inputs {
        Value target, memory;
        Value targetMask, memoryMask;
        Value targetKeyPaddingMask, memoryKeyPaddingMask;
        bool targetCausal = false, memoryCausal = false;
    };

    TransformerDecoderLayer(const std::string& path, const DecoderLayerParameters& parameters);

    Slot input{*this, "input"}, memory{*this, "memory"};
    LayerNorm norm1;
    MultiheadAttention selfAttn;
    Elementwise dropout1;
    Slot residual1{*this, "residual_1"};
    LayerNorm norm2;
    MultiheadAttention multiheadAttn;
    Elementwise dropout2;
    Slot residual2{*this, "residual_2"};
    LayerNorm norm3;
    Linear linear1;
    Slot ffActivation{*this, "ff_activation"};
    Elementwise dropout;
    Linear linear2;
    Elementwise dropout3;
    Slot residual3{*this, "residual_3"};

    /// Throws ShapeError when the tensors do not fit the parameters.
    Value forward(const Inputs& inputs, Builder& run);

  private:
    Value feedForward(Value x, Builder& run);

    bool m_normFirst;
    Elementwise::Function m_activation;
};

} // namespace fxp::quant
