#pragma once

#include "quant/layers/layer_norm.h"
#include "quant/layers/multihead_attention.h"

namespace fxp::quant {

/// Parameters and constructor arguments of nn.TransformerEncoderLayer.
struct EncoderLayerParameters {
    AttentionParameters attention;
    at::Tensor linear1Weight, linear1Bias, linear2Weight, linear2Bias;
    LayerNorm::Parameters norm1, norm2;
    bool normFirst = false;
    std::string activation = "relu"; ///< or "gelu"
};

/// Attention and feed-forward, each with a residual; norms before (norm_first) or after. FIXED_POINT.md, section 5.
/// x: [B, T, E]; y: [B, T, E].
class TransformerEncoderLayer final : public Layer {
  public:
    static constexpr auto kType = "transformer_encoder_layer";
    /// The sequence and the masks.
    struct Inputs {
        Value source;
        Value attentionMask, keyPaddingMask; ///< in the form that MultiheadAttention takes
        bool causal = false;
    };

    TransformerEncoderLayer(const std::string& path, const EncoderLayerParameters& parameters);

    Slot input{*this, "input"};
    LayerNorm norm1;
    MultiheadAttention selfAttn;
    Elementwise selfAttnDropout;
    Slot residual1{*this, "residual_1"};
    LayerNorm norm2;
    Linear linear1;
    Slot ffActivation{*this, "ff_activation"};
    Elementwise dropout1;
    Linear linear2;
    Elementwise dropout2;
    Slot residual2{*this, "residual_2"};

    Value forward(const Inputs& inputs, Builder& run);

  private:
    Value attend(Value x, const Inputs& inputs, Builder& run);
    Value feedForward(Value x, Builder& run);

    bool m_normFirst;
    Elementwise::Function m_activation;
};

} // namespace fxp::quant
