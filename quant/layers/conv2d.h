#pragma once

#include "quant/layers/layer.h"

#include <cstdint>
#include <vector>

namespace fxp::quant {

struct ConvolutionOptions {
    std::vector<std::int64_t> stride{1, 1}, padding{0, 0}, dilation{1, 1};
    std::int64_t groups = 1;
};

/// y = q_activation(conv2d(q_input(x), q_weight(W), q_bias(b))).
/// x: [N, in, H, W] or [in, H, W]; W: [out, in / groups, kh, kw]; b: [out] or undefined.
class Conv2d final : public Layer {
  public:
    static constexpr auto kType = "conv2d";

    Conv2d(const std::string& path, at::Tensor weight, at::Tensor bias, ConvolutionOptions options);

    Slot input{*this, "input"}, weight{*this, "weight", Role::Weight}, bias{*this, "bias", Role::Bias},
        activation{*this, "activation"};
    Value forward(Value x, Builder& run);

  private:
    at::Tensor m_weight, m_bias;
    ConvolutionOptions m_options;
};

} // namespace fxp::quant
