#pragma once

#include "quant/layers/layer.h"

namespace fxp::quant {

/// y = q_activation(f(q_input(x))): softmax, dropout (the identity, in evaluation), sigmoid, tanh, relu, gelu and every
/// other operator of one tensor and no parameters.
class Elementwise final : public Layer {
  public:
    /// An operator of one tensor, and its further arguments.
    struct Function {
        std::string op;
        Operands arguments = {};

        Value operator()(Value x, Builder& run) const;
    };

    Elementwise(const std::string& type, const std::string& path, Function function);
    Elementwise(Layer& parent, const std::string& type, const std::string& name, Function function,
                const std::string& logName = {});

    Slot input{*this, "input"}, activation{*this, "activation"};
    Value forward(Value x, Builder& run);

  private:
    Function m_function;
};

namespace elementwise {
Elementwise::Function softmax(std::int64_t dim);
Elementwise::Function dropout();
Elementwise::Function sigmoid();
Elementwise::Function tanh();
Elementwise::Function relu();
/// `approximate`: "none" for the error function, "tanh" for its approximation.
Elementwise::Function gelu(const std::string& approximate = "none");
} // namespace elementwise

} // namespace fxp::quant
