#pragma once

#include "quant/layers/elementwise.h"
#include "quant/layers/linear.h"

namespace fxp::quant {

/// Attention's parameters with the packed projection split, under PyTorch's names.
struct AttentionParameters {
    at::Tensor qWeight, kWeight, vWeight; ///< [E, E], [E, kdim], [E, vdim]
    at::Tensor qBias, kBias, vBias;       ///< [E] or undefined
    at::Tensor outWeight, outBias;        ///< [E, E]; [E] or undefined
    std::int64_t heads = 1;
};

/// A packed in_proj_weight [3E, E] and in_proj_bias [3E] (or undefined) split in three.
void splitPacked(const at::Tensor& weight, const at::Tensor& bias, AttentionParameters& into);

/// softmax(q_scaled · kᵀ + mask) · v by heads, projected: FIXED_POINT.md, section 5. Batch first.
/// query: [B, T, E], key: [B, S, kdim], value: [B, S, vdim]; output [B, T, E].
class MultiheadAttention final : public Layer {
  public:
    static constexpr auto kType = "multihead_attention";
    /// The three sequences and the masks.
    struct Inputs {
        Value query, key, value;
        Value attentionMask;  ///< added to the quantized scores; undefined, or [T, S] or [B·H, T, S], bool (true:
                              ///< masked) or float
        Value keyPaddingMask; ///< undefined, or [B, S], bool (true: ignored) or float
        bool wantsWeights = true;
    };
    /// The result, and the weights by head.
    struct Outputs {
        Value output;
        Value weights; ///< [B, H, T, S]; undefined where they were not wanted
    };

    MultiheadAttention(const std::string& path, const AttentionParameters& parameters);
    MultiheadAttention(Layer& parent, const std::string& name, const AttentionParameters& parameters);

    Slot inputQuery{*this, "input_query"}, inputKey{*this, "input_key"}, inputValue{*this, "input_value"};
    Linear qlinear, klinear, vlinear;
    Slot qScaled{*this, "q_scaled"};
    Slot attnScoresAccumulator{*this, "attn_scores_accumulator", Slot::Accumulator{}};
    Slot attnScoresRaw{*this, "attn_scores_raw"};
    Elementwise softmax, dropout;
    Slot attnOutputAccumulator{*this, "attn_output_accumulator", Slot::Accumulator{}};
    Slot attnOutput{*this, "attn_output"};
    Linear outProj;

    /// Throws ShapeError when the tensors do not fit the parameters.
    Outputs forward(const Inputs& inputs, Builder& run);

  private:
    Value maskScores(Value scores, const Inputs& inputs, Builder& run) const;

    std::int64_t m_heads, m_embed;
};

} // namespace fxp::quant
