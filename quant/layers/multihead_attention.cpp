#include "quant/layers/multihead_attention.h"

#include "quant/core/error.h"
#include "quant/layers/attention_product.h"

#include <ATen/ATen.h>

#include <cmath>

namespace fxp::quant {

namespace {

/// [B, T, E] → [B·H, T, D]
at::Tensor splitHeads(const at::Tensor& x, std::int64_t heads) {
    const std::int64_t batch = x.size(0), steps = x.size(1), depth = x.size(2) / heads;
    return x.reshape({batch, steps, heads, depth}).transpose(1, 2).reshape({batch * heads, steps, depth});
}

/// [B·H, …] → [B, H, …]
at::Tensor byBatch(const at::Tensor& x, std::int64_t heads) {
    return x.reshape({x.size(0) / heads, heads, x.size(1), x.size(2)});
}

/// The mask with zeros, visible, for the rows appended behind the last key.
at::Tensor widened(const at::Tensor& mask, std::int64_t keys) {
    return at::constant_pad_nd(mask, {0, keys - mask.size(-1)}, 0);
}

} // namespace

void splitPacked(const at::Tensor& weight, const at::Tensor& bias, AttentionParameters& into) {
    const auto weights = weight.chunk(3);
    into.qWeight = weights[0].contiguous();
    into.kWeight = weights[1].contiguous();
    into.vWeight = weights[2].contiguous();
    if (bias.defined()) {
        const auto biases = bias.chunk(3);
        into.qBias = biases[0].contiguous();
        into.kBias = biases[1].contiguous();
        into.vBias = biases[2].contiguous();
    }
}

MultiheadAttention::MultiheadAttention(const std::string& path, const AttentionParameters& p)
    : Layer(kType, path), qlinear(*this, "qlinear", p.qWeight, p.qBias), klinear(*this, "klinear", p.kWeight, p.kBias),
      vlinear(*this, "vlinear", p.vWeight, p.vBias), softmax(*this, "softmax", "softmax", functions::softmax(-1)),
      dropout(*this, "dropout", "dropout", functions::dropout()), outProj(*this, "out_proj", p.outWeight, p.outBias),
      m_heads(p.heads), m_embed(p.qWeight.size(0)), m_biasK(p.biasK), m_biasV(p.biasV), m_addZeroAttn(p.addZeroAttn),
      m_appended(p.biasK.defined() ? std::make_unique<Appended>(*this) : nullptr) {}

MultiheadAttention::MultiheadAttention(Layer& parent, const std::string& name, const AttentionParameters& p)
    : Layer(parent, kType, name), qlinear(*this, "qlinear", p.qWeight, p.qBias),
      klinear(*this, "klinear", p.kWeight, p.kBias), vlinear(*this, "vlinear", p.vWeight, p.vBias),
      softmax(*this, "softmax", "softmax", functions::softmax(-1)),
      dropout(*this, "dropout", "dropout", functions::dropout()), outProj(*this, "out_proj", p.outWeight, p.outBias),
      m_heads(p.heads), m_embed(p.qWeight.size(0)), m_biasK(p.biasK), m_biasV(p.biasV), m_addZeroAttn(p.addZeroAttn),
      m_appended(p.biasK.defined() ? std::make_unique<Appended>(*this) : nullptr) {}

Value MultiheadAttention::withRow(Value x, const Slot& slot, const at::Tensor& row, const Slot& extended,
                                  Builder& run) {
    const Value rowq = quantizeLogged(run, slot, run.constant(row));
    const Value joined = run.apply("append_row", {x, rowq}, [](std::span<const at::Tensor> in) {
        const at::Tensor& sequence = in[0]; // [B, S, E]
        return at::cat({sequence, in[1].reshape({1, 1, -1}).expand({sequence.size(0), 1, sequence.size(2)})}, 1);
    });
    return quantizeLogged(run, extended, joined);
}

Value MultiheadAttention::maskScores(Value scores, const Inputs& inputs, Builder& run) const {
    if (inputs.causal)
        scores =
            run.apply("causal_mask", {scores}, [](std::span<const at::Tensor> in) { return withCausalMask(in[0]); });
    if (inputs.attentionMask.defined()) {
        scores = run.apply("attn_mask", {scores, inputs.attentionMask}, [](std::span<const at::Tensor> in) {
            return in[0] + widened(additiveMask(in[1], true), in[0].size(-1)); // [T, S] is broadcast over [B·H, T, S]
        });
    }
    if (inputs.keyPaddingMask.defined()) {
        scores = run.apply("key_padding_mask", {scores, inputs.keyPaddingMask},
                           [heads = m_heads](std::span<const at::Tensor> in) {
                               const at::Tensor mask = widened(additiveMask(in[1], true), in[0].size(-1));
                               return (byBatch(in[0], heads) + mask.unsqueeze(1).unsqueeze(1)).reshape(in[0].sizes());
                           });
    }
    return scores;
}

MultiheadAttention::Outputs MultiheadAttention::forward(const Inputs& inputs, Builder& run) {
    const std::int64_t heads = m_heads;
    for (const Value value : {inputs.query, inputs.key, inputs.value}) {
        if (run.tensor(value).dim() != 3)
            throw ShapeError(path(), "query, key and value must be [batch, steps, features]");
    }
    if (m_embed % heads != 0)
        throw ShapeError(path(), "the embedding does not divide into " + std::to_string(heads) + " heads");

    run.log(*this, "input_query", inputs.query);
    run.log(*this, "input_key", inputs.key);
    run.log(*this, "input_value", inputs.value);
    const Value queryq = run.quantize(inputQuery, inputs.query);
    const Value keyq = run.quantize(inputKey, inputs.key);
    const Value valueq = run.quantize(inputValue, inputs.value);
    run.log(*this, "input_query_quant", queryq);
    run.log(*this, "input_key_quant", keyq);
    run.log(*this, "input_value_quant", valueq);

    const Value q = qlinear.forward(queryq, run);
    Value k = klinear.forward(keyq, run), v = vlinear.forward(valueq, run);
    if (m_appended) {
        k = withRow(k, m_appended->biasK, m_biasK, m_appended->key, run);
        v = withRow(v, m_appended->biasV, m_biasV, m_appended->value, run);
    }
    const Slot& keySlot = m_appended ? m_appended->key : klinear.activation;
    const Slot& valueSlot = m_appended ? m_appended->value : vlinear.activation;
    if (m_addZeroAttn) { // zero lies on every grid
        const auto withZeros = [](std::span<const at::Tensor> in) {
            return at::constant_pad_nd(in[0], {0, 0, 0, 1}, 0);
        };
        k = run.apply("append_zeros", {k}, withZeros);
        v = run.apply("append_zeros", {v}, withZeros);
    }
    const double scaling = 1.0 / std::sqrt(static_cast<double>(m_embed / heads));
    const Value scaled = run.apply("scale", {q}, [scaling](std::span<const at::Tensor> in) { return in[0] * scaling; });
    const Value scaledq = quantizeLogged(run, qScaled, scaled);

    const auto byHead = [heads](const at::Tensor& x) { return byBatch(x, heads); };
    const auto splitTogether = [heads](Value value, Builder& r) {
        return r.apply("split_heads", {value},
                       [heads](std::span<const at::Tensor> in) { return splitHeads(in[0], heads); });
    };
    const Value qHeads = splitTogether(scaledq, run), kHeads = splitTogether(k, run), vHeads = splitTogether(v, run);
    const Value scores = recordProduct(run, "scores", qHeads, kHeads, {},
                                       {qScaled, keySlot, nullptr, attnScoresAccumulator, attnScoresRaw},
                                       [](const at::Tensor& a, const at::Tensor&) { return scoresProduct(a); });
    run.log(*this, "attn_scores_raw_BxHxTxS", scores, byHead);
    const Value scoresq = run.quantize(attnScoresRaw, scores);
    run.log(*this, "attn_scores_raw_quant_BxHxTxS", scoresq, byHead);

    const Value weights = softmax.forward(maskScores(scoresq, inputs, run), run);
    run.log(*this, "attn_weights_softmax_quant_BxHxTxS", weights, byHead);
    const Value dropped = dropout.forward(weights, run);
    run.log(*this, "attn_weights_dropout_quant_BxHxTxS", dropped, byHead);

    const Value sum = recordProduct(run, "weighted_sum", dropped, vHeads, {},
                                    {dropout.activation, valueSlot, nullptr, attnOutputAccumulator, attnOutput},
                                    [](const at::Tensor& a, const at::Tensor&) { return weightedSumProduct(a); });
    const Value sumq = run.quantize(attnOutput, sum);
    run.log(*this, "attn_output_weighted_sum_quant_BxHxTxD", sumq, byHead);
    const Value merged = run.apply("merge_heads", {sumq}, [heads](std::span<const at::Tensor> in) {
        return byBatch(in[0], heads).transpose(1, 2).flatten(2);
    });
    run.log(*this, "attn_output_quant_reshaped_BxTxE", merged);
    const Value output = outProj.forward(merged, run);
    run.log(*this, "output", output);
    if (!inputs.wantsWeights)
        return {output, {}};
    return {output, run.apply("by_batch", {dropped},
                              [heads](std::span<const at::Tensor> in) { return byBatch(in[0], heads); })};
}

} // namespace fxp::quant
