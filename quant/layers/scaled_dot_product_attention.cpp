#include "quant/layers/scaled_dot_product_attention.h"

#include "quant/core/error.h"
#include "quant/layers/attention_product.h"
#include "quant/layers/product_layer.h"

#include <ATen/ATen.h>

#include <cmath>

namespace fxp::quant {

ScaledDotProductAttention::ScaledDotProductAttention(const std::string& path, const Options& options)
    : Layer(kType, path), softmax(*this, "softmax", "softmax", functions::softmax(-1)), m_options(options) {}

Value ScaledDotProductAttention::forward(const Inputs& inputs, Builder& run) {
    const at::Tensor query = run.tensor(inputs.query), key = run.tensor(inputs.key);
    if (query.dim() < 2 || key.dim() < 2)
        throw ShapeError(path(), "query and key must be [..., steps, features]");
    const Value q = quantizeLogged(run, inputQuery, inputs.query);
    Value k = quantizeLogged(run, inputKey, inputs.key), v = quantizeLogged(run, inputValue, inputs.value);
    if (m_options.groupedQueries) {
        const std::int64_t share = query.size(-3) / key.size(-3);
        const auto repeated = [&](Value value) {
            return run.apply("repeat_interleave", {value},
                             [share](std::span<const at::Tensor> in) { return in[0].repeat_interleave(share, -3); });
        };
        k = repeated(k);
        v = repeated(v);
    }
    const double scale = m_options.scale.value_or(1 / std::sqrt(static_cast<double>(query.size(-1))));
    const Value scaled = quantizeLogged(
        run, qScaled, run.apply("scale", {q}, [scale](std::span<const at::Tensor> in) { return in[0] * scale; }));
    const Value raw =
        recordProduct(run, "scores", scaled, k, {}, {qScaled, inputKey, nullptr, scoresAccumulator, attnScoresRaw},
                      [](const at::Tensor& a, const at::Tensor&) { return scoresProduct(a); });
    Value scores = quantizeLogged(run, attnScoresRaw, raw);
    if (m_options.causal)
        scores =
            run.apply("causal_mask", {scores}, [](std::span<const at::Tensor> in) { return withCausalMask(in[0]); });
    if (inputs.mask.defined()) {
        scores = run.apply("attn_mask", {scores, inputs.mask},
                           [](std::span<const at::Tensor> in) { return in[0] + additiveMask(in[1], false); });
    }
    const Value weights = softmax.forward(scores, run);
    const Value sum = recordProduct(run, "weighted_sum", weights, v, {},
                                    {softmax.activation, inputValue, nullptr, outputAccumulator, attnOutput},
                                    [](const at::Tensor& a, const at::Tensor&) { return weightedSumProduct(a); });
    return quantizeLogged(run, attnOutput, sum);
}

} // namespace fxp::quant
