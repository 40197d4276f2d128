#include "quant/layers/scaled_dot_product_attention.h"

#include "quant/core/error.h"
#include "quant/layers/product_layer.h"

#include <cmath>

namespace fxp::quant {

ScaledDotProductAttention::ScaledDotProductAttention(const std::string& path, const Options& options)
    : Layer(kType, path), softmax(*this, "softmax", "softmax", elementwise::softmax(-1)), m_options(options) {}

Value ScaledDotProductAttention::forward(const Inputs& inputs, Builder& run) {
    const Scope scope(*this, run);
    const at::Tensor query = run.tensor(inputs.query), key = run.tensor(inputs.key);
    if (query.dim() < 2 || key.dim() < 2)
        throw ShapeError(path(), "query and key must be [..., steps, features]");
    const Value q = quantizeLogged(run, inputQuery, inputs.query);
    Value k = quantizeLogged(run, inputKey, inputs.key), v = quantizeLogged(run, inputValue, inputs.value);
    if (m_options.groupedQueries) {
        const std::int64_t share = query.size(-3) / key.size(-3);
        k = run.call("aten::repeat_interleave.self_int", {k, share, -3});
        v = run.call("aten::repeat_interleave.self_int", {v, share, -3});
    }
    const double scale = m_options.scale.value_or(1 / std::sqrt(static_cast<double>(query.size(-1))));
    const Value scaled = quantizeLogged(run, qScaled, run.call("aten::mul.Scalar", {q, scale}));
    const ProductValues raw = recordProduct(run, {"matmul_transposed"}, scaled, k, {},
                                            {qScaled, inputKey, nullptr, scoresAccumulator, attnScoresRaw});
    log(run, attnScoresRaw.name(), raw.accumulated);
    log(run, attnScoresRaw.name() + "_quant", raw.activation);
    Value scores = raw.activation;
    if (m_options.causal)
        scores = run.call("causal_mask", {scores});
    if (inputs.mask.defined())
        scores = run.call("add_mask", {scores, inputs.mask, {"masked", false}, {"appended", 0}});
    const Value weights = softmax.forward(scores, run);
    const ProductValues sum = recordProduct(run, {"matmul"}, weights, v, {},
                                            {softmax.activation, inputValue, nullptr, outputAccumulator, attnOutput});
    log(run, attnOutput.name(), sum.accumulated);
    log(run, attnOutput.name() + "_quant", sum.activation);
    return sum.activation;
}

} // namespace fxp::quant
