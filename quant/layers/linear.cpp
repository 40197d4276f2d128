#include "quant/layers/linear.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

namespace fxp::quant {

Linear::Linear(const std::string& path, at::Tensor weight, at::Tensor bias)
    : Layer(kType, path), m_weight(std::move(weight)), m_bias(std::move(bias)) {}

Linear::Linear(Layer& parent, const std::string& name, at::Tensor weight, at::Tensor bias, const std::string& logName)
    : Layer(parent, kType, name, logName), m_weight(std::move(weight)), m_bias(std::move(bias)) {}

Value Linear::forward(Value x, Builder& run) {
    const at::Tensor& source = run.tensor(x);
    if (source.dim() == 0 || source.size(-1) != m_weight.size(1))
        throw ShapeError(path(), "the input's last dimension does not fit a weight of " + c10::str(m_weight.sizes()));
    const Value xq = quantizeLogged(run, input, x);
    const Value w = run.constant(m_weight), b = run.constant(m_bias);
    run.log(*this, "weight", w);
    run.log(*this, "bias", b);
    const Value wq = run.quantize(weight, w), bq = run.quantize(bias, b);
    run.log(*this, "weight_quant", wq);
    run.log(*this, "bias_quant", bq);
    const Value sum =
        run.apply(kType, {xq, wq, bq}, [](std::span<const at::Tensor> in) { return at::linear(in[0], in[1], in[2]); });
    return quantizeLogged(run, activation, sum, "activation", "output");
}

} // namespace fxp::quant
