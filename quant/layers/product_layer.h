#pragma once

#include "quant/layers/layer.h"

#include <memory>

namespace fxp::quant {

/// The slots whose formats quantize a product's operands and its result; bias may be null.
struct ProductSlots {
    const Slot& x;
    const Slot& w;
    const Slot* bias;
    const Slot& accumulator;
    const Slot& activation;
};
/// An operator of ops/products.h, and its arguments other than tensors.
struct ProductOperator {
    std::string op;
    Operands options = {};
};
/// The product's sum quantized to the accumulator's format, and to the activation's: from the exact sum, in one
/// rounding.
struct ProductValues {
    Value accumulated, activation;
};
/// Records the exact sum x · w + bias, and its quantization to the formats that follow.
ProductValues recordProduct(Builder& run, const ProductOperator& product, Value x, Value w, Value bias,
                            const ProductSlots& slots);

/// A layer y = q_activation(q_accumulator(op(q_input(x), q_weight(W), q_bias(b)))), op linear in x and in W.
class ProductLayer : public Layer {
  public:
    Slot input{*this, "input"}, weight{*this, "weight", Role::Weight}, bias{*this, "bias", Role::Bias},
        accumulator{*this, "accumulator", Slot::Accumulator{}}, activation{*this, "activation"};

    /// Throws ShapeError when x does not fit the weight.
    Value forward(Value x, Builder& run, const LogView& view = {});

    /// The parameters before and after quantization; undefined where there is no bias.
    struct Parameters {
        Value weight, bias, weightQuant, biasQuant;
    };
    Parameters quantizeParameters(Builder& run) const;
    void logParameters(Builder& run, const Parameters& parameters) const;
    const at::Tensor& weightTensor() const { return m_weight; }

  protected:
    ProductLayer(const std::string& type, const std::string& path, at::Tensor weight, at::Tensor bias);
    ProductLayer(Layer& parent, const std::string& type, const std::string& name, at::Tensor weight, at::Tensor bias,
                 const std::string& logName);

    virtual void requireFit(const at::Tensor& x) const = 0;
    virtual ProductOperator product() const = 0;
    /// The same layer at the same path with other parameters; null for a layer that is nested in another.
    virtual std::unique_ptr<ProductLayer> withParameters(at::Tensor weight, at::Tensor bias) const = 0;
    /// The argument of that name of fold().
    virtual std::int64_t inputGroups() const { return 0; }
    const at::Tensor& biasTensor() const { return m_bias; }
    bool isNested() const { return m_nested; }

  private:
    at::Tensor m_weight, m_bias;
    bool m_nested;
};

} // namespace fxp::quant
