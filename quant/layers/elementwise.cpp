#include "quant/layers/elementwise.h"

#include <utility>

namespace fxp::quant {

Value Elementwise::Function::operator()(Value x, Builder& run) const {
    Operands operands{x};
    operands.insert(operands.end(), arguments.begin(), arguments.end());
    return run.call(op, operands);
}

Elementwise::Elementwise(const std::string& type, const std::string& path, Function function)
    : Layer(type, path), m_function(std::move(function)) {}

Elementwise::Elementwise(Layer& parent, const std::string& type, const std::string& name, Function function,
                         const std::string& logName)
    : Layer(parent, type, name, logName), m_function(std::move(function)) {}

Value Elementwise::forward(Value x, Builder& run) {
    const Scope scope(*this, run);
    const Value xq = quantizeLogged(run, input, x);
    return quantizeLogged(run, activation, m_function(xq, run), "output_pre_quant", "output");
}

namespace elementwise {

Elementwise::Function softmax(std::int64_t dim) {
    return {"softmax", {{"dim", dim}}};
}

Elementwise::Function dropout() {
    return {"aten::alias"};
}

Elementwise::Function sigmoid() {
    return {"sigmoid"};
}

Elementwise::Function tanh() {
    return {"tanh"};
}

Elementwise::Function relu() {
    return {"aten::relu"};
}

Elementwise::Function gelu(const std::string& approximate) {
    return {"gelu", {{"approximate", approximate}}};
}

} // namespace elementwise

} // namespace fxp::quant
