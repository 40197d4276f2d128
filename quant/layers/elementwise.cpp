#include "quant/layers/elementwise.h"

#include <ATen/ATen.h>

#include <utility>

namespace fxp::quant {

Elementwise::Elementwise(const std::string& type, const std::string& path, Function function)
    : Layer(type, path), m_function(std::move(function)) {}

Elementwise::Elementwise(Layer& parent, const std::string& type, const std::string& name, Function function,
                         const std::string& logName)
    : Layer(parent, type, name, logName), m_function(std::move(function)) {}

Value Elementwise::forward(Value x, Builder& run) {
    const Value xq = quantizeLogged(run, input, x);
    const Value y = run.apply(type(), {xq}, [f = m_function](std::span<const at::Tensor> in) { return f(in[0]); });
    return quantizeLogged(run, activation, y, "output_pre_quant", "output");
}

namespace functions {

Elementwise::Function softmax(std::int64_t dim) {
    return [dim](const at::Tensor& x) { return at::softmax(x, dim); };
}

Elementwise::Function dropout() {
    return [](const at::Tensor& x) { return x.alias(); };
}

Elementwise::Function sigmoid() {
    return [](const at::Tensor& x) { return at::sigmoid(x); };
}

Elementwise::Function tanh() {
    return [](const at::Tensor& x) { return at::tanh(x); };
}

Elementwise::Function relu() {
    return [](const at::Tensor& x) { return at::relu(x); };
}

Elementwise::Function gelu(const std::string& approximate) {
    return [approximate](const at::Tensor& x) { return at::gelu(x, approximate); };
}

} // namespace functions

} // namespace fxp::quant
