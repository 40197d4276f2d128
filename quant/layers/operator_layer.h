#pragma once

#include "quant/layers/product_layer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// Which of an operator's operands are multiplied, and which is added.
struct OperatorProduct {
    std::size_t x = 0, w = 1;
    std::optional<std::size_t> bias;
    ProductOf product;
};

/// An operator that is no known layer, run as itself. Slots: `input`, or `input_0`, `input_1`, … for the tensors that
/// hang on the model's inputs; the parameters under their own names; `activation`, or `activation_0`, … for the
/// results. A sum of products is exact where all its operands are quantized, and has an `accumulator`.
class OperatorLayer final : public Layer {
  public:
    /// One tensor that the operator takes.
    struct Operand {
        Value value;
        std::string parameter; ///< the parameter's name; empty for a computed tensor
        bool quantized = true; ///< false: an integer, a scalar, an index: taken as it is
    };

    OperatorLayer(const std::string& type, const std::string& path) : Layer(type, path) {}

    /// Records the operator between the quantized operands and the quantized results, which were computed already.
    std::vector<Value> forward(const std::vector<Operand>& operands, const Tensors& results, Operation operation,
                               Builder& run, const std::optional<OperatorProduct>& product = {});

  private:
    const Slot& addSlot(const std::string& name, Role role);
    std::vector<Value> forwardProduct(const OperatorProduct& product, const std::vector<Value>& inputs, Builder& run);

    std::vector<std::unique_ptr<Slot>> m_slots;
};

} // namespace fxp::quant
