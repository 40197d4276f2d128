#pragma once

#include "quant/layers/product_layer.h"

namespace fxp::quant {

/// y = q_activation(q_input(x) · q_weight(W)ᵀ + q_bias(b)), exact: FIXED_POINT.md, section 6.
/// x: [..., in], W: [out, in], b: [out] or undefined; y: [..., out].
class Linear final : public ProductLayer {
  public:
    static constexpr auto kType = "linear";

    Linear(const std::string& path, at::Tensor weight, at::Tensor bias);
    Linear(Layer& parent, const std::string& name, at::Tensor weight, at::Tensor bias, const std::string& logName = {});

  protected:
    void requireFit(const at::Tensor& x) const override;
    ProductOperator product() const override;
    std::unique_ptr<ProductLayer> withParameters(at::Tensor weight, at::Tensor bias) const override;
};

} // namespace fxp::quant
