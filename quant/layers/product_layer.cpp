#include "quant/layers/product_layer.h"

#include <memory>
#include <utility>

namespace fxp::quant {

ProductValues recordProduct(Builder& run, const ProductOperator& product, Value x, Value w, Value bias,
                            const ProductSlots& slots) {
    Operands operands{{"x", x}, {"w", w}};
    std::vector<SlotInfo> grids{slots.x.info(), slots.w.info()};
    std::vector<SlotInfo> formats = grids;
    formats.insert(formats.end(), {slots.accumulator.info(), slots.activation.info()});
    if (slots.bias) {
        operands.push_back({"bias", bias});
        grids.push_back(slots.bias->info());
        formats.push_back(slots.bias->info());
    }
    operands.insert(operands.end(), product.options.begin(), product.options.end());
    const Value sum = run.applyWithFormats(product.op, operands, grids, {}).at(0);
    const auto results = run.applyWithFormats("quantize_sum", {{"sum", sum}, {"bias", slots.bias != nullptr}}, formats,
                                              {{slots.accumulator.info(), 0, 1}, {slots.activation.info(), 1, 2}});
    return {results[1], results[2]};
}

ProductLayer::ProductLayer(const std::string& type, const std::string& path, at::Tensor weight, at::Tensor bias)
    : Layer(type, path), m_weight(std::move(weight)), m_bias(std::move(bias)), m_nested(false) {}

ProductLayer::ProductLayer(Layer& parent, const std::string& type, const std::string& name, at::Tensor weight,
                           at::Tensor bias, const std::string& logName)
    : Layer(parent, type, name, logName), m_weight(std::move(weight)), m_bias(std::move(bias)), m_nested(true) {}

ProductLayer::Parameters ProductLayer::quantizeParameters(Builder& run) const {
    const Value w = run.constant(m_weight), b = run.constant(m_bias);
    return {w, b, run.quantize(weight.info(), w), run.quantize(bias.info(), b)};
}

void ProductLayer::logParameters(Builder& run, const Parameters& parameters) const {
    log(run, "weight", parameters.weight);
    log(run, "bias", parameters.bias);
    log(run, "weight_quant", parameters.weightQuant);
    log(run, "bias_quant", parameters.biasQuant);
}

Value ProductLayer::forward(Value x, Builder& run, const LogView& view) {
    requireFit(run.tensor(x));
    const Scope scope(*this, run);
    const Builder::Mark begin = run.mark();
    log(run, "input", x, view);
    const Value xq = run.quantize(input.info(), x);
    log(run, "input_quant", xq, view);
    const Parameters p = quantizeParameters(run);
    logParameters(run, p);
    const auto [sum, y] = recordProduct(run, product(), xq, p.weightQuant, p.biasQuant,
                                        {input, weight, p.bias.defined() ? &bias : nullptr, accumulator, activation});
    log(run, "activation", sum, view);
    log(run, "output", y, view);
    if (std::shared_ptr<const ProductLayer> again = withParameters(m_weight, m_bias)) {
        const auto record = [again, x, view](Builder& builder, const FoldedParameters& folded) {
            return again->withParameters(folded.weight, folded.bias)->forward(x, builder, view);
        };
        run.setRefoldable(y, {begin, run.mark(), m_weight, m_bias, inputGroups(), record});
    }
    return y;
}

} // namespace fxp::quant
