#pragma once

#include "quant/layers/layer.h"

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// Over the last `normalizedShape` dimensions, x̂ = (q(x) − q(mean)) / sqrt(q(var) + eps) with the biased variance of
/// q(x); y = q_activation(q(x̂) · q_weight(γ) + q_bias(β)). γ, β: normalizedShape, or undefined.
class LayerNorm final : public Layer {
  public:
    static constexpr auto kType = "layer_norm";
    /// γ, β and the constructor's arguments.
    struct Parameters {
        at::Tensor weight, bias;
        std::vector<std::int64_t> normalizedShape;
        double eps = 1e-5;
    };

    LayerNorm(const std::string& path, Parameters parameters);
    LayerNorm(Layer& parent, const std::string& name, Parameters parameters);

    Slot input{*this, "input"}, weight{*this, "weight", Role::Weight}, bias{*this, "bias", Role::Bias},
        meanTensor{*this, "mean_tensor"}, varTensor{*this, "var_tensor"}, inputNormalized{*this, "input_normalized"},
        activation{*this, "activation"};
    Value forward(Value x, Builder& run);

  private:
    Parameters m_parameters;
};

} // namespace fxp::quant
