#pragma once

#include "quant/layers/lstm.h"

namespace fxp::quant {

/// One layer and direction of nn.GRU, with its gates in PyTorch's order r, z, n:
/// r = σ(x·W_ir + h·W_hr), z = σ(x·W_iz + h·W_hz), n = tanh(x·W_in + r · (h·W_hn)), h' = (1 − z)·n + z·h, biases
/// inside the products, each named value quantized where it arises. x: [B, T, I]; h0: [B, H] or undefined for zeros;
/// output [B, T, H], hn [B, H].
class Gru final : public Layer {
  public:
    static constexpr auto kType = "gru";
    /// All steps and the last.
    struct Outputs {
        Value output, hn;
    };

    Gru(const std::string& path, const RecurrentParameters& parameters);

    Slot input{*this, "input"}, h0{*this, "h0"};
    Linear wIh, wHh;
    Elementwise rAct, zAct;
    Slot rDotH{*this, "r_dot_h"};
    Elementwise nAct;
    Slot zDotN{*this, "z_dot_n"}, zDotH{*this, "z_dot_h"}, ht{*this, "h_t"}, output{*this, "output"};

    /// Throws ShapeError when x is not [B, T, I].
    Outputs forward(Value x, Value h0, Builder& run);

  private:
    bool m_reverse;
    std::int64_t m_hidden;
};

/// One layer and direction of nn.RNN: h' = tanh or relu (x·W_ih + b_ih + h·W_hh + b_hh).
class Rnn final : public Layer {
  public:
    static constexpr auto kType = "rnn";

    /// `nonlinearity`: "tanh" or "relu".
    Rnn(const std::string& path, const RecurrentParameters& parameters, const std::string& nonlinearity);

    Slot input{*this, "input"}, h0{*this, "h0"};
    Linear wIh, wHh;
    Elementwise hAct;
    Slot output{*this, "output"};

    Gru::Outputs forward(Value x, Value h0, Builder& run);

  private:
    bool m_reverse, m_relu;
    std::int64_t m_hidden;
};

} // namespace fxp::quant
