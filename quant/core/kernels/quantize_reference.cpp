#include "quant/core/kernels/block.h"
#include "quant/core/rounding.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fxp::quant {

LinearScale::LinearScale(const LinearRange& range)
    : perUnit(range.high > range.low ? static_cast<float>(1 / range.binWidth()) : 0.0f),
      first(static_cast<int>(std::floor(range.low * perUnit))) {}

int linearBin(float x, const LinearScale& scale) {
    // Clamped while it is a float: the magnitude may be too large for an integer.
    const float magnitude = std::min(std::abs(x) * scale.perUnit, 1e9f);
    const int steps = static_cast<int>(magnitude);
    return std::clamp((x < 0 ? -1 - steps : steps) - scale.first, 0, kLinearBins - 1);
}

namespace {

std::size_t log2Bin(float x) {
    return std::bit_cast<std::uint32_t>(x) >> 23;
}

Quantized quantizeElement(const QuantizeJob& job, std::int64_t i, const Limits& range) {
    const auto index = static_cast<std::uint64_t>(job.firstIndex + i);
    const double draw = job.type.rounding == Rounding::Stochastic ? stochasticDraw(job.seed, index) : 0.0;
    if (!job.type.affine)
        return quantizeOne(job.x[i], job.type, range, draw);
    const std::uint64_t channels = job.type.affine->scale.size();
    const auto channel = index / static_cast<std::uint64_t>(job.channelStride) % channels;
    return quantizeAffine(job.x[i], job.type, range, draw, channel);
}

void count(Histograms& histograms, float value, const LinearScale& scale) {
    if (value != 0)
        ++histograms.log2[log2Bin(value)];
    ++histograms.linear[static_cast<std::size_t>(linearBin(value, scale))];
}

} // namespace

void quantizeBlockPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, Figures& figures) {
    const bool isFloat = job.type.isFloat();
    const Limits range = isFloat ? Limits{} : limits(job.type);
    const LinearScale scale(job.range);
    Figures part;
    part.linearRange = job.range;
    for (std::int64_t i = begin; i < end; ++i) {
        const float x = job.x[i];
        const Quantized quantized = isFloat ? Quantized{x, Side::Inside} : quantizeElement(job, i, range);
        const float y = job.given ? job.given[i] : quantized.value;
        part.overflowLow += quantized.side == Side::Low;
        part.overflowHigh += quantized.side == Side::High;
        if (job.reference && std::isfinite(job.reference[i]) && std::isfinite(y)) {
            const double r = job.reference[i];
            part.referenceSquares += r * r;
            part.referenceSquaredError += (y - r) * (y - r);
        }
        if (job.y)
            job.y[i] = y;
        if (std::isnan(x)) {
            ++part.nan;
            continue;
        }
        if (std::isinf(x)) {
            ++part.inf;
            continue;
        }
        const bool first = part.maxErrorIndex < 0;
        part.min = first ? x : std::min(part.min, static_cast<double>(x));
        part.max = first ? x : std::max(part.max, static_cast<double>(x));
        const double error = static_cast<double>(y) - x;
        part.zero += x == 0;
        part.underflow += x != 0 && y == 0;
        part.sum += x;
        part.sumSquares += static_cast<double>(x) * x;
        part.sumError += error;
        part.sumOutward += std::signbit(x) ? -error : error;
        part.sumSquaredError += error * error;
        if (first || std::abs(error) > part.maxError) {
            part.maxError = std::abs(error);
            part.maxErrorIndex = i - begin;
        }
        count(part.before, x, scale);
        if (std::isfinite(y))
            count(part.after, y, scale);
    }
    part.count = end - begin;
    figures.add(part);
}

void quantizeValuesPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end) {
    const Limits range = limits(job.type);
    for (std::int64_t i = begin; i < end; ++i)
        job.y[i] = quantizeElement(job, i, range).value;
}

Figures quantizeReference(const QuantizeJob& job) {
    Figures figures;
    figures.linearRange = job.range;
    for (std::int64_t begin = 0; begin < job.count; begin += kFigureBlock)
        quantizeBlockPlain(job, begin, std::min(job.count, begin + kFigureBlock), figures);
    return figures;
}

} // namespace fxp::quant
