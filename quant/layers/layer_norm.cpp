#include "quant/layers/layer_norm.h"

#include <ATen/ATen.h>

#include <utility>

namespace fxp::quant {

LayerNorm::LayerNorm(const std::string& path, Parameters parameters)
    : Layer(kType, path), m_parameters(std::move(parameters)) {}

LayerNorm::LayerNorm(Layer& parent, const std::string& name, Parameters parameters)
    : Layer(parent, kType, name), m_parameters(std::move(parameters)) {}

Value LayerNorm::forward(Value x, Builder& run) {
    std::vector<std::int64_t> dims;
    for (std::size_t i = 0; i < m_parameters.normalizedShape.size(); ++i)
        dims.push_back(-1 - static_cast<std::int64_t>(i));

    const Value wq = quantizeLogged(run, weight, run.constant(m_parameters.weight));
    const Value bq = quantizeLogged(run, bias, run.constant(m_parameters.bias));
    const Value xq = quantizeLogged(run, input, x);
    const Value mean =
        run.apply("mean", {xq}, [dims](std::span<const at::Tensor> in) { return at::mean(in[0], dims, true); });
    const Value variance = run.apply("var", {xq}, [dims](std::span<const at::Tensor> in) {
        return at::var(in[0], at::OptionalIntArrayRef(dims), /*unbiased=*/false, /*keepdim=*/true);
    });
    run.log(*this, "mean", mean);
    const Value meanq = run.quantize(meanTensor, mean);
    run.log(*this, "mean_quant", meanq);
    const Value varq = quantizeLogged(run, varTensor, variance, "variance", "variance_quant");
    const Value normalized =
        run.apply("normalize", {xq, meanq, varq}, [eps = m_parameters.eps](std::span<const at::Tensor> in) {
            return (in[0] - in[1]) / at::sqrt(in[2] + eps);
        });
    const Value normalizedq = quantizeLogged(run, inputNormalized, normalized);
    const Value scaled = run.apply("affine", {normalizedq, wq, bq}, [](std::span<const at::Tensor> in) {
        const at::Tensor product = in[1].defined() ? in[0] * in[1] : in[0];
        return in[2].defined() ? product + in[2] : product;
    });
    return quantizeLogged(run, activation, scaled, "output_pre_quant", "output");
}

} // namespace fxp::quant
