#include "quant/layers/multihead_attention.h"

#include "quant/core/error.h"
#include "quant/layers/product_layer.h"

#include <ATen/ATen.h>

#include <cmath>

namespace fxp::quant {

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
      vlinear(*this, "vlinear", p.vWeight, p.vBias), softmax(*this, "softmax", "softmax", elementwise::softmax(-1)),
      dropout(*this, "dropout", "dropout", elementwise::dropout()), outProj(*this, "out_proj", p.outWeight, p.outBias),
      m_heads(p.heads), m_embed(p.qWeight.size(0)), m_biasK(p.biasK), m_biasV(p.biasV), m_addZeroAttn(p.addZeroAttn),
      m_appended(p.biasK.defined() ? std::make_unique<Appended>(*this) : nullptr) {}

MultiheadAttention::MultiheadAttention(Layer& parent, const std::string& name, const AttentionParameters& p)
    : Layer(parent, kType, name), qlinear(*this, "qlinear", p.qWeight, p.qBias),
      klinear(*this, "klinear", p.kWeight, p.kBias), vlinear(*this, "vlinear", p.vWeight, p.vBias),
      softmax(*this, "softmax", "softmax", elementwise::softmax(-1)),
      dropout(*this, "dropout", "dropout", elementwise::dropout()), outProj(*this, "out_proj", p.outWeight, p.outBias),
      m_heads(p.heads), m_embed(p.qWeight.size(0)), m_biasK(p.biasK), m_biasV(p.biasV), m_addZeroAttn(p.addZeroAttn),
      m_appended(p.biasK.defined() ? std::make_unique<Appended>(*this) : nullptr) {}

Value MultiheadAttention::withRow(Value x, const Slot& slot, const at::Tensor& row, const Slot& extended,
                                  Builder& run) {
    const Value rowq = quantizeLogged(run, slot, run.constant(row));
    const Value joined = run.call("append_row", {x, rowq});
    return quantizeLogged(run, extended, joined);
}

Value MultiheadAttention::maskScores(Value scores, const Inputs& inputs, Builder& run) const {
    if (inputs.causal)
        scores = run.call("causal_mask", {scores});
    const int appended = (m_appended ? 1 : 0) + (m_addZeroAttn ? 1 : 0);
    if (inputs.attentionMask.defined()) // [T, S] is broadcast over [B·H, T, S]
        scores = run.call("add_mask", {scores, inputs.attentionMask, {"masked", true}, {"appended", appended}});
    if (inputs.keyPaddingMask.defined()) {
        scores = run.call("add_key_padding_mask",
                          {scores, inputs.keyPaddingMask, {"heads", m_heads}, {"appended", appended}});
    }
    return scores;
}

MultiheadAttention::Outputs MultiheadAttention::forward(const Inputs& inputs, Builder& run) {
    const Scope scope(*this, run);
    const std::int64_t heads = m_heads;
    for (const Value value : {inputs.query, inputs.key, inputs.value}) {
        if (run.tensor(value).dim() != 3)
            throw ShapeError(path(), "query, key and value must be [batch, steps, features]");
    }
    if (m_embed % heads != 0)
        throw ShapeError(path(), "the embedding does not divide into " + std::to_string(heads) + " heads");

    log(run, "input_query", inputs.query);
    log(run, "input_key", inputs.key);
    log(run, "input_value", inputs.value);
    const Value queryq = run.quantize(inputQuery.info(), inputs.query);
    const Value keyq = run.quantize(inputKey.info(), inputs.key);
    const Value valueq = run.quantize(inputValue.info(), inputs.value);
    log(run, "input_query_quant", queryq);
    log(run, "input_key_quant", keyq);
    log(run, "input_value_quant", valueq);

    const Value q = qlinear.forward(queryq, run);
    Value k = klinear.forward(keyq, run), v = vlinear.forward(valueq, run);
    if (m_appended) {
        k = withRow(k, m_appended->biasK, m_biasK, m_appended->key, run);
        v = withRow(v, m_appended->biasV, m_biasV, m_appended->value, run);
    }
    const Slot& keySlot = m_appended ? m_appended->key : klinear.activation;
    const Slot& valueSlot = m_appended ? m_appended->value : vlinear.activation;
    if (m_addZeroAttn) { // every format has the value zero, so that the row is not quantized
        const std::vector<std::int64_t> pads{0, 0, 0, 1};
        k = run.call("aten::constant_pad_nd", {k, pads, 0});
        v = run.call("aten::constant_pad_nd", {v, pads, 0});
    }
    const double scaling = 1.0 / std::sqrt(static_cast<double>(m_embed / heads));
    const Value scaledq = quantizeLogged(run, qScaled, run.call("aten::mul.Scalar", {q, scaling}));

    const LogView byHead = LogView::byBatch(heads);
    const auto split = [&](Value value) { return run.call("split_heads", {value, {"heads", heads}}); };
    const Value qHeads = split(scaledq), kHeads = split(k), vHeads = split(v);
    const auto [scores, scoresq] = recordProduct(run, {"matmul_transposed"}, qHeads, kHeads, {},
                                                 {qScaled, keySlot, nullptr, attnScoresAccumulator, attnScoresRaw});
    log(run, "attn_scores_raw_BxHxTxS", scores, byHead);
    log(run, "attn_scores_raw_quant_BxHxTxS", scoresq, byHead);

    const Value weights = softmax.forward(maskScores(scoresq, inputs, run), run);
    log(run, "attn_weights_softmax_quant_BxHxTxS", weights, byHead);
    const Value dropped = dropout.forward(weights, run);
    log(run, "attn_weights_dropout_quant_BxHxTxS", dropped, byHead);

    const Value sumq = recordProduct(run, {"matmul"}, dropped, vHeads, {},
                                     {dropout.activation, valueSlot, nullptr, attnOutputAccumulator, attnOutput})
                           .activation;
    log(run, "attn_output_weighted_sum_quant_BxHxTxD", sumq, byHead);
    const Value merged = run.call("merge_heads", {sumq, {"heads", heads}});
    log(run, "attn_output_quant_reshaped_BxTxE", merged);
    const Value output = outProj.forward(merged, run);
    log(run, "output", output);
    if (!inputs.wantsWeights)
        return {output, {}};
    return {output, run.call("by_batch", {dropped, {"heads", heads}})};
}

} // namespace fxp::quant
