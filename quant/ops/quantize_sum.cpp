#include "quant/ops/products.h"

#include <ATen/ATen.h>

namespace fxp::quant {

namespace {

/// Formats, in the step's order.
enum { kX, kW, kAccumulator, kActivation, kBias };

AccumulatorUse overflowOf(const SumOverflow& counted) {
    AccumulatorUse use;
    use.overflowLow = counted.low;
    use.overflowHigh = counted.high;
    return use;
}

Tensors quantizeSumOf(const StepContext& context) {
    const at::Tensor sum = tensorOf(context, "sum");
    const auto& f = context.formats;
    SumFormats next{f[kAccumulator].type, f[kActivation].type, f[kAccumulator].seed, f[kActivation].seed, 0};
    if (context.samples.count > 0) {
        const std::int64_t elements = sum.scalar_type() == at::kLong ? sum.numel() / 2 : sum.numel();
        next.firstIndex = context.samples.first * (elements / context.samples.count);
    }
    const bool hasBias = flag(context.arguments(), "bias");
    const ProductFormats formats{f[kX].type, f[kW].type, hasBias ? f[kBias].type : QType{}};
    QuantizedSum result = quantizeSum(sum, formats, hasBias, next);
    if (context.findings)
        *context.findings = {overflowOf(result.accumulatorOverflow), overflowOf(result.activationOverflow)};
    return {result.sum, result.accumulated, result.activation};
}

} // namespace

void addQuantizeSum(OperatorTable& operators) {
    operators["quantize_sum"] = {
        quantizeSumOf, [](const Step& step) {
            std::vector<FormatRead> reads{{Reads::Grid, 0}, {Reads::Grid, 0}, {Reads::All, 1}, {Reads::All, 2}};
            if (step.formats.size() > kBias)
                reads.push_back({Reads::Grid, 0});
            return reads;
        }};
}

} // namespace fxp::quant
