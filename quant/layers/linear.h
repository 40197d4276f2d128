#pragma once

#include "quant/layers/layer.h"

namespace fxp::quant {

/// y = q_activation(q_input(x) · q_weight(W)ᵀ + q_bias(b)).
/// x: [..., in], W: [out, in], b: [out] or undefined; y: [..., out].
class Linear final : public Layer {
  public:
    static constexpr auto kType = "linear";

    Linear(const std::string& path, at::Tensor weight, at::Tensor bias);
    Linear(Layer& parent, const std::string& name, at::Tensor weight, at::Tensor bias, const std::string& logName = {});

    Slot input{*this, "input"}, weight{*this, "weight", Role::Weight}, bias{*this, "bias", Role::Bias},
        activation{*this, "activation"};
    /// Throws ShapeError when x's last dimension is not `in`.
    Value forward(Value x, Builder& run);

  private:
    at::Tensor m_weight, m_bias;
};

} // namespace fxp::quant
