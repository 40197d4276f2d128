#include "quant/layers/conv2d.h"

#include <ATen/ATen.h>

namespace fxp::quant {

Conv2d::Conv2d(const std::string& path, at::Tensor weight, at::Tensor bias, ConvolutionOptions options)
    : Layer(kType, path), m_weight(std::move(weight)), m_bias(std::move(bias)), m_options(std::move(options)) {}

Value Conv2d::forward(Value x, Builder& run) {
    const Value xq = quantizeLogged(run, input, x);
    const Value w = run.constant(m_weight), b = run.constant(m_bias);
    run.log(*this, "weight", w);
    run.log(*this, "bias", b);
    const Value wq = run.quantize(weight, w), bq = run.quantize(bias, b);
    run.log(*this, "weight_quant", wq);
    run.log(*this, "bias_quant", bq);
    const Value sum = run.apply(kType, {xq, wq, bq}, [o = m_options](std::span<const at::Tensor> in) {
        return at::conv2d(in[0], in[1], in[2], o.stride, o.padding, o.dilation, o.groups);
    });
    return quantizeLogged(run, activation, sum, "activation", "output");
}

} // namespace fxp::quant
