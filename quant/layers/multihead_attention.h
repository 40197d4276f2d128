#pragma once

#include "quant/layers/elementwise.h"
#include "quant/layers/linear.h"

#include <memory>

namespace fxp::quant {

/// Attention's parameters with the packed projection split, under PyTorch's names.
struct AttentionParameters {
    at::Tensor qWeight, kWeight, vWeight; ///< [E, E], [E, kdim], [E, vdim]
    at::Tensor qBias, kBias, vBias;       ///< [E] or undefined
    at::Tensor outWeight, outBias;        ///< [E, E]; [E] or undefined
    std::int64_t heads = 1;
    at::Tensor biasK = {}, biasV = {}; ///< rows of E elements appended to keys and values; both or none
    bool addZeroAttn = false;          ///< a row of zeros appended to them
};

/// A packed in_proj_weight [3E, E] and in_proj_bias [3E] (or undefined) split in three.
void splitPacked(const at::Tensor& weight, const at::Tensor& bias, AttentionParameters& into);

/// softmax(q_scaled · kᵀ + mask) · v by heads, projected: FIXED_POINT.md, section 5. Batch first. Where rows are
/// appended to keys and values, the S of scores and weights includes them, and masks leave them visible.
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
        bool causal = false; ///< a query does not see keys at later positions
    };
    /// The result, and the weights by head.
    struct Outputs {
        Value output;
        Value weights; ///< undefined where the caller did not ask for them
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

    /// The slots of bias_k and bias_v, rows appended to the keys and values, and of the keys and values with these
    /// rows.
    struct Appended {
        explicit Appended(Layer& layer)
            : biasK(layer, "bias_k", kRow), biasV(layer, "bias_v", kRow), key(layer, "key_extended", kRows),
              value(layer, "value_extended", kRows) {}
        static constexpr Slot::Extension kRow{Role::Bias}, kRows{};
        Slot biasK, biasV, key, value;
    };

    /// Throws ShapeError when the tensors do not fit the parameters.
    Outputs forward(const Inputs& inputs, Builder& run);

  private:
    Value maskScores(Value scores, const Inputs& inputs, Builder& run) const;
    Value withRow(Value x, const Slot& slot, const at::Tensor& row, const Slot& extended, Builder& run);

    std::int64_t m_heads, m_embed;
    at::Tensor m_biasK, m_biasV;
    bool m_addZeroAttn;
    std::unique_ptr<Appended> m_appended;
};

} // namespace fxp::quant
