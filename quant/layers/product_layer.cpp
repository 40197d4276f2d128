#include "quant/layers/product_layer.h"

#include <memory>
#include <utility>

namespace fxp::quant {

Value recordProduct(Builder& run, const std::string& name, Value x, Value w, Value bias, const ProductSlots& slots,
                    ProductOf product) {
    std::vector<const Slot*> formats{&slots.x, &slots.w, &slots.accumulator, &slots.next};
    if (slots.bias)
        formats.push_back(slots.bias);
    const auto results = run.applyWithFormats(
        name, {x, w, bias}, formats, {{&slots.accumulator, 0, 1, -1}},
        [product = std::move(product)](std::span<const at::Tensor> in, std::span<const SlotFormat> f,
                                       AccumulatorUse* use) {
            const ProductFormats types{f[0].type, f[1].type, f.size() > 4 ? f[4].type : QType{}, f[2].type, f[3].type};
            ExactSum sum = exactSum(product(in[0], in[1]), in[0], in[1], in[2], types, f[2].seed, use);
            return Tensors{sum.sum, sum.accumulated};
        });
    return results[1];
}

ProductLayer::ProductLayer(const std::string& type, const std::string& path, at::Tensor weight, at::Tensor bias)
    : Layer(type, path), m_weight(std::move(weight)), m_bias(std::move(bias)), m_nested(false) {}

ProductLayer::ProductLayer(Layer& parent, const std::string& type, const std::string& name, at::Tensor weight,
                           at::Tensor bias, const std::string& logName)
    : Layer(parent, type, name, logName), m_weight(std::move(weight)), m_bias(std::move(bias)), m_nested(true) {}

ProductLayer::Parameters ProductLayer::quantizeParameters(Builder& run) const {
    const Value w = run.constant(m_weight), b = run.constant(m_bias);
    return {w, b, run.quantize(weight, w), run.quantize(bias, b)};
}

void ProductLayer::logParameters(Builder& run, const Parameters& parameters) const {
    run.log(*this, "weight", parameters.weight);
    run.log(*this, "bias", parameters.bias);
    run.log(*this, "weight_quant", parameters.weightQuant);
    run.log(*this, "bias_quant", parameters.biasQuant);
}

Value ProductLayer::forward(Value x, Builder& run, const LogView& view) {
    requireFit(run.tensor(x));
    const Builder::Mark begin = run.mark();
    run.log(*this, "input", x, view);
    const Value xq = run.quantize(input, x);
    run.log(*this, "input_quant", xq, view);
    const Parameters p = quantizeParameters(run);
    logParameters(run, p);
    const Value sum =
        recordProduct(run, type(), xq, p.weightQuant, p.biasQuant,
                      {input, weight, p.bias.defined() ? &bias : nullptr, accumulator, activation}, product());
    run.log(*this, "activation", sum, view);
    const Value y = run.quantize(activation, sum);
    run.log(*this, "output", y, view);
    if (std::shared_ptr<const ProductLayer> again = withParameters(m_weight, m_bias)) {
        const auto record = [again, x, view](Builder& builder, const FoldedParameters& folded) {
            return again->withParameters(folded.weight, folded.bias)->forward(x, builder, view);
        };
        run.setRefoldable(y, {begin, run.mark(), m_weight, m_bias, inputGroups(), record});
    }
    return y;
}

} // namespace fxp::quant
