#pragma once

#include "quant/layers/product_layer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// Which of an operator's tensors are multiplied and which is added, and the operator of ops/products.h that computes
/// the same.
struct OperatorProduct {
    std::size_t x = 0, w = 1;
    std::optional<std::size_t> bias;
    ProductOperator product;
};

/// An operator that is no known layer, run as itself. Slots: `input`, or `input_0`, `input_1`, … for the tensors that
/// depend on the model's inputs; the parameters under their own names, numbered (`weight`, `weight_1`) where two have
/// one; `activation`, or `activation_0`, … for the results. A sum of products is exact where all its operands are
/// quantized, and has an `accumulator`.
class OperatorLayer final : public Layer {
  public:
    /// One tensor that the operator takes.
    struct Input {
        Value value;
        std::string parameter; ///< the parameter's name; empty for a computed tensor
        bool quantized = true; ///< false: an integer, a scalar or an index, which is used as it is
        bool divisor = false;  ///< the operator divides by it
    };

    OperatorLayer(const std::string& type, const std::string& path) : Layer(type, path) {}

    /// Records the operator `op` between the quantized operands and the quantized results. `arguments` are all
    /// arguments of the operator, among them the values of `inputs` in the order of `inputs`. Throws Error when the two
    /// differ.
    std::vector<Value> forward(const std::vector<Input>& inputs, const std::string& op, const Operands& arguments,
                               Builder& run, const std::optional<OperatorProduct>& product = {});

  private:
    Slot& addSlot(const std::string& name, Role role);
    std::string parameterSlot(const std::string& parameter) const;
    std::vector<Value> quantizeInputs(const std::vector<Input>& inputs, Builder& run);
    std::vector<Value> forwardProduct(const OperatorProduct& product, const std::vector<Value>& inputs, Builder& run);

    std::vector<std::unique_ptr<Slot>> m_slots;
};

} // namespace fxp::quant
