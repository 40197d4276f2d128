#include "quant/layers/layer_norm.h"

#include <utility>

namespace fxp::quant {

LayerNorm::LayerNorm(const std::string& path, Parameters parameters)
    : Layer(kType, path), m_parameters(std::move(parameters)) {
    varTensor.setDivisor();
}

LayerNorm::LayerNorm(Layer& parent, const std::string& name, Parameters parameters)
    : Layer(parent, kType, name), m_parameters(std::move(parameters)) {
    varTensor.setDivisor();
}

Value LayerNorm::forward(Value x, Builder& run) {
    const Scope scope(*this, run);
    std::vector<std::int64_t> dims;
    for (std::size_t i = 0; i < m_parameters.normalizedShape.size(); ++i)
        dims.push_back(-1 - static_cast<std::int64_t>(i));

    const Value wq = quantizeLogged(run, weight, run.constant(m_parameters.weight));
    const Value bq = quantizeLogged(run, bias, run.constant(m_parameters.bias));
    const Value xq = quantizeLogged(run, input, x);
    const Value mean = run.call("mean", {xq, {"dims", dims}, {"keepdim", true}});
    const Value variance = run.call("variance", {xq, {"dims", dims}, {"keepdim", true}});
    log(run, "mean", mean);
    const Value meanq = run.quantize(meanTensor.info(), mean);
    log(run, "mean_quant", meanq);
    const Value varq = quantizeLogged(run, varTensor, variance, "variance", "variance_quant");
    const Value normalized =
        run.call("normalize", {{"x", xq}, {"mean", meanq}, {"variance", varq}, {"eps", m_parameters.eps}});
    const Value normalizedq = quantizeLogged(run, inputNormalized, normalized);
    const Value scaled = run.call("affine", {{"x", normalizedq}, {"weight", wq}, {"bias", bq}});
    return quantizeLogged(run, activation, scaled, "output_pre_quant", "output");
}

} // namespace fxp::quant
