#pragma once

#include "quant/layers/elementwise.h"
#include "quant/layers/linear.h"

#include <optional>

namespace fxp::quant {

/// Parameters of one layer and direction of a recurrent network, under PyTorch's names; G gates of H values.
struct RecurrentParameters {
    at::Tensor weightIh;       ///< [G·H, I]
    at::Tensor weightHh;       ///< [G·H, H], or [G·H, P] with a projection
    at::Tensor biasIh, biasHh; ///< [G·H], or undefined
    at::Tensor weightHr;       ///< an LSTM's projection, [P, H]; undefined without
    bool reverse = false;
};

/// Zeros [B, size] for a batch-first x: an initial state that was not given.
Value zeroState(Builder& run, Value x, std::int64_t size);

/// Records an operator of ops/recurrence.h. `slots` are those of its sites, in their order, then those of its
/// parameters. Returns for each slot of a site the values before and after, all time steps together.
std::vector<Value> recordRecurrence(Builder& run, const std::string& op, const Operands& operands,
                                    const std::vector<const Slot*>& slots, const std::vector<const Slot*>& parameters);

/// One layer and direction of nn.LSTM: FIXED_POINT.md, section 5. With P = H where there is no projection:
/// x: [B, T, I]; h0: [B, P], c0: [B, H], both undefined for zeros; output [B, T, P], hn [B, P], cn [B, H].
/// Values inside are [T, B, …]; their slots' figures are over all time steps.
class Lstm final : public Layer {
  public:
    static constexpr auto kType = "lstm";
    /// The sequence and the initial states.
    struct Inputs {
        Value x, h0, c0;
    };
    /// All steps, and the states after the last.
    struct Outputs {
        Value output, hn, cn;
    };

    Lstm(const std::string& path, const RecurrentParameters& parameters);

    Slot input{*this, "input"}, h0{*this, "h0"}, c0{*this, "c0"};
    Linear wIh, wHh;
    Elementwise iAct, fAct, gAct, oAct, ctTanh;
    Slot iDotG{*this, "i_dot_g"}, fDotC{*this, "f_dot_c_t"}, ct{*this, "c_t"}, ht{*this, "h_t"};
    std::optional<Linear> wHr; ///< the projection
    Slot output{*this, "output"};

    /// Throws ShapeError when x is not [B, T, I].
    Outputs forward(const Inputs& inputs, Builder& run);

  private:
    void logSteps(Builder& run, const std::vector<Value>& values, const Linear::Parameters& hidden, Value x, Value xq,
                  std::int64_t steps) const;

    bool m_reverse;
    std::int64_t m_hidden, m_state;
};

} // namespace fxp::quant
