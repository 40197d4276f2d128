#pragma once

#include "quant/core/exact_product.h"
#include "quant/layers/layer.h"

#include <memory>

namespace fxp::quant {

/// What is logged of a value; empty: all of it.
using LogView = std::function<at::Tensor(const at::Tensor&)>;

/// Records x · w + bias in exact arithmetic, brought into the accumulator's format where it has one. `x`, `w`, `bias`
/// and `next` are the slots by whose formats the operands and the result are quantized; bias may be null.
struct ProductSlots {
    const Slot& x;
    const Slot& w;
    const Slot* bias;
    const Slot& accumulator;
    const Slot& next;
};
/// The accumulated values for a step that quantizes them next, by a format of at most 22 bits: rounded to odd, so that
/// rounding them again gives what rounding the exact sums gives.
at::Tensor forNextFormat(const at::Tensor& sum, const QuantizedSum& result, const QType& next);
/// The operator for its tensors, which tell K.
using ProductOf = std::function<Product(const at::Tensor& x, const at::Tensor& w)>;
Value recordProduct(Builder& run, const std::string& name, Value x, Value w, Value bias, const ProductSlots& slots,
                    ProductOf product);

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
    virtual ProductOf product() const = 0;
    /// The same layer, of the same place, with other parameters; null of one that is nested in another.
    virtual std::unique_ptr<ProductLayer> withParameters(at::Tensor weight, at::Tensor bias) const = 0;
    /// As fold() takes it.
    virtual std::int64_t inputGroups() const { return 0; }
    const at::Tensor& biasTensor() const { return m_bias; }
    bool isNested() const { return m_nested; }

  private:
    at::Tensor m_weight, m_bias;
    bool m_nested;
};

} // namespace fxp::quant
