#pragma once

#include "quant/layers/elementwise.h"

#include <optional>

namespace fxp::quant {

/// softmax(q(query · scale) · keyᵀ + mask) · value, as PyTorch's function of that name, in evaluation.
/// query: [..., T, D], key: [..., S, D], value: [..., S, Dv]; output [..., T, Dv].
class ScaledDotProductAttention final : public Layer {
  public:
    static constexpr auto kType = "scaled_dot_product_attention";
    /// The three sequences and the mask.
    struct Inputs {
        Value query, key, value;
        Value mask; ///< undefined; float: added to the quantized scores; bool: true takes part
    };
    /// The function's other arguments.
    struct Options {
        bool causal = false;
        std::optional<double> scale; ///< absent: 1 / √D
        bool groupedQueries = false; ///< several query heads share one of key and value (dimension −3)
    };

    ScaledDotProductAttention(const std::string& path, const Options& options);

    Slot inputQuery{*this, "input_query"}, inputKey{*this, "input_key"}, inputValue{*this, "input_value"},
        qScaled{*this, "q_scaled"}, scoresAccumulator{*this, "attn_scores_accumulator", Slot::Accumulator{}},
        attnScoresRaw{*this, "attn_scores_raw"};
    Elementwise softmax;
    Slot outputAccumulator{*this, "attn_output_accumulator", Slot::Accumulator{}}, attnOutput{*this, "attn_output"};

    /// Throws ShapeError when there are no two last dimensions.
    Value forward(const Inputs& inputs, Builder& run);

  private:
    Options m_options;
};

} // namespace fxp::quant
