#include "quant/layers/product_layer.h"

#include "quant/core/straight_through.h"
#include "quant/core/wide_integer.h"

#include <ATen/ATen.h>

#include <memory>
#include <utility>

namespace fxp::quant {

at::Tensor forNextFormat(const at::Tensor& sum, const QuantizedSum& result, const QType& next) {
    constexpr int kOddBits = 22;
    if (sum.scalar_type() != at::kDouble || !result.accumulated.is_same(result.sum) || recordsGradient(sum) ||
        !next.hasPoint() || *next.totalBits > kOddBits)
        return result.accumulated;
    at::Tensor odd = at::empty_like(result.sum);
    const at::Tensor doubles = sum.contiguous();
    const auto* in = doubles.data_ptr<double>();
    auto* out = odd.data_ptr<float>();
    for (std::int64_t i = 0; i < odd.numel(); ++i)
        out[i] = toFloat(in[i], true);
    return odd;
}

Value recordProduct(Builder& run, const std::string& name, Value x, Value w, Value bias, const ProductSlots& slots,
                    ProductOf product) {
    std::vector<const Slot*> formats{&slots.x, &slots.w, &slots.accumulator, &slots.next};
    if (slots.bias)
        formats.push_back(slots.bias);
    const auto results =
        run.applyWithFormats(name, {x, w, bias}, formats, {{&slots.accumulator, 0, 1, -1}},
                             [product = std::move(product)](std::span<const at::Tensor> in,
                                                            std::span<const SlotFormat> f, AccumulatorUse* use) {
                                 const ProductFormats types{f[0].type, f[1].type, f.size() > 4 ? f[4].type : QType{}};
                                 const at::Tensor sum =
                                     exactSum(product(in[0], in[1]), in[0], in[1], in[2], types, use);
                                 const SumFormats next{f[2].type, f[3].type, f[2].seed};
                                 const QuantizedSum result = quantizeSum(sum, types, in[2].defined(), next);
                                 if (use) {
                                     use->overflowLow = result.accumulatorOverflow.low;
                                     use->overflowHigh = result.accumulatorOverflow.high;
                                 }
                                 return Tensors{result.sum, forNextFormat(sum, result, next.activation)};
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
