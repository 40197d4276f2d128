#include "quant/calibrate/exact_range.h"

#include "quant/core/exact_product.h"
#include "quant/core/quantize.h"
#include "quant/core/wide_integer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fxp::quant {

namespace {

/// Indices of the formats of a `quantize_sum` step.
enum { kX, kW, kAccumulator, kActivation, kBias };

__extension__ using Wide = __int128;

/// The value rounded to float64 upwards (`up`) or downwards.
double outward(Wide value, bool up) {
    const auto nearest = static_cast<double>(value);
    const Wide back = static_cast<Wide>(nearest);
    if (up ? back < value : back > value)
        return std::nextafter(nearest, up ? INFINITY : -INFINITY);
    return nearest;
}

ValueRange wideRange(const at::Tensor& sum, int fraction) {
    const at::Tensor words = sum.contiguous();
    const auto* data = words.data_ptr<std::int64_t>();
    const std::int64_t count = words.numel() / 2;
    if (count == 0)
        return {};
    Wide low = 0, high = 0;
    bool any = false;
    for (std::int64_t i = 0; i < count; ++i) {
        if (nonFiniteOf({data[2 * i], data[2 * i + 1]}))
            continue;
        // The low word is data[2i]: see exactSum.
        const Wide value =
            static_cast<Wide>((static_cast<unsigned __int128>(static_cast<std::uint64_t>(data[2 * i + 1])) << 64) |
                              static_cast<std::uint64_t>(data[2 * i]));
        low = any ? std::min(low, value) : value;
        high = any ? std::max(high, value) : value;
        any = true;
    }
    return {std::ldexp(outward(low, false), -fraction), std::ldexp(outward(high, true), -fraction)};
}

ValueRange doubleRange(const at::Tensor& sum) {
    const at::Tensor values = sum.contiguous();
    const auto* data = values.data_ptr<double>();
    ValueRange range;
    bool any = false;
    for (std::int64_t i = 0; i < values.numel(); ++i) {
        if (!std::isfinite(data[i]))
            continue;
        range.low = any ? std::min(range.low, data[i]) : data[i];
        range.high = any ? std::max(range.high, data[i]) : data[i];
        any = true;
    }
    return range;
}

/// The range of the values before they were rounded to float32, at most.
ValueRange widened(ValueRange range, const QType& type) {
    constexpr int kFloatBits = 24;
    if (*type.totalBits <= kFloatBits)
        return range;
    const double inexact = std::ldexp(type.lsb(), kFloatBits);
    const auto low = static_cast<float>(range.low), high = static_cast<float>(range.high);
    if (std::abs(range.low) > inexact)
        range.low = std::max(type.lowest(), static_cast<double>(std::nextafter(low, -INFINITY)));
    if (std::abs(range.high) > inexact)
        range.high = std::min(type.highest(), static_cast<double>(std::nextafter(high, INFINITY)));
    return range;
}

} // namespace

ValueRange exactRange(const Step& step, const Site& site, const at::Tensor& sum, const Tensors& results,
                      const Formats& formats) {
    const auto formatOf = [&](std::size_t place) {
        const QType& type = formats[static_cast<std::size_t>(step.formats[place])];
        return type.isPartial() ? QType{} : type;
    };
    const QType accumulator = formatOf(kAccumulator);
    if (site.slot == step.formats[kActivation] && !accumulator.isFloat())
        return widened(valueRange(results.at(1)), accumulator);
    if (sum.scalar_type() == at::kDouble)
        return doubleRange(sum);
    if (sum.scalar_type() != at::kLong)
        return valueRange(sum);
    const bool hasBias = step.formats.size() > kBias;
    const ProductFormats products{formatOf(kX), formatOf(kW), hasBias ? formatOf(kBias) : QType{}};
    return wideRange(sum, sumFraction(products, hasBias));
}

} // namespace fxp::quant
