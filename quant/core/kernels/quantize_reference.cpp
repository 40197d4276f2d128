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

void extendRange(Figures& figures, double low, double high) {
    const bool first = figures.finite() == 0;
    // The result must not depend on which of two zeros comes first: −0 + 0 is 0.
    figures.min = (first ? low : std::min(figures.min, low)) + 0.0;
    figures.max = (first ? high : std::max(figures.max, high)) + 0.0;
}

namespace {

std::size_t log2Bin(float x) {
    return std::bit_cast<std::uint32_t>(x) >> 23;
}

/// quantize() of a job's elements, one by one.
class ElementQuantizer {
  public:
    explicit ElementQuantizer(const QuantizeJob& job)
        : m_job(job), m_limits(job.type.isFloat() ? Limits{} : limits(job.type)) {}

    Quantized operator()(std::int64_t i) const {
        const QType& type = m_job.type;
        if (type.isFloat())
            return {m_job.x[i], Side::Inside};
        const auto index = static_cast<std::uint64_t>(m_job.firstIndex + i);
        const double draw = type.rounding == Rounding::Stochastic ? stochasticDraw(m_job.seed, index) : 0.0;
        if (!type.affine)
            return quantizeOne(m_job.x[i], type, m_limits, draw);
        const std::uint64_t channels = type.affine->scale.size();
        const auto channel = index / static_cast<std::uint64_t>(m_job.channelStride) % channels;
        return quantizeAffine(m_job.x[i], type, m_limits, draw, channel);
    }

  private:
    const QuantizeJob& m_job;
    Limits m_limits;
};

void count(Histograms& histograms, float value, const LinearScale& scale) {
    if (value != 0)
        ++histograms.log2[log2Bin(value)];
    ++histograms.linear[static_cast<std::size_t>(linearBin(value, scale))];
}

/// Counts an element: all of the figures but its sums and errors.
void countElement(float x, float y, Side side, const LinearScale& scale, Figures& figures) {
    figures.overflowLow += side == Side::Low;
    figures.overflowHigh += side == Side::High;
    if (std::isfinite(x)) {
        extendRange(figures, x, x);
        figures.zero += x == 0;
        figures.underflow += x != 0 && y == 0;
        count(figures.before, x, scale);
        if (std::isfinite(y))
            count(figures.after, y, scale);
    }
    figures.nan += std::isnan(x);
    figures.inf += std::isinf(x);
    ++figures.count;
}

/// The sums of a block in eight lanes each.
struct LaneSums {
    double shifted[kSumLanes] = {}, shiftedSquares[kSumLanes] = {}, squares[kSumLanes] = {}, error[kSumLanes] = {},
           outward[kSumLanes] = {}, squaredError[kSumLanes] = {}, reference[kSumLanes] = {},
           referenceError[kSumLanes] = {};

    void add(std::size_t lane, double x, double y, double shift) {
        const double difference = y - x;
        shifted[lane] += x - shift;
        shiftedSquares[lane] += (x - shift) * (x - shift);
        squares[lane] += x * x;
        error[lane] += difference;
        outward[lane] += std::signbit(x) ? -difference : difference;
        squaredError[lane] += difference * difference;
    }
    void addReference(std::size_t lane, double y, double r) {
        reference[lane] += r * r;
        referenceError[lane] += (y - r) * (y - r);
    }
    void addTo(Figures& figures) const {
        figures.sumShifted.add(sumOfLanes(shifted));
        figures.sumShiftedSquares.add(sumOfLanes(shiftedSquares));
        figures.sumSquares.add(sumOfLanes(squares));
        figures.sumError.add(sumOfLanes(error));
        figures.sumOutward.add(sumOfLanes(outward));
        figures.sumSquaredError.add(sumOfLanes(squaredError));
        figures.referenceSquares.add(sumOfLanes(reference));
        figures.referenceSquaredError.add(sumOfLanes(referenceError));
    }
};

} // namespace

void countBlockPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, Figures& figures) {
    const ElementQuantizer quantize(job);
    const LinearScale scale(job.range);
    for (std::int64_t i = begin; i < end; ++i) {
        const Quantized quantized = quantize(i);
        const float value = job.given ? job.given[i] : quantized.value;
        countElement(job.x[i], value, quantized.side, scale, figures);
        if (!job.given && !job.type.isFloat())
            y[i - begin] = value;
    }
}

void quantizeValuesPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y) {
    const ElementQuantizer quantize(job);
    for (std::int64_t i = begin; i < end; ++i)
        y[i - begin] = quantize(i).value;
}

Figures quantizeReference(const QuantizeJob& job) {
    const ElementQuantizer quantize(job);
    const LinearScale scale(job.range);
    const std::int64_t perSample = job.perSample > 0 ? job.perSample : job.count;
    Figures figures;
    figures.linearRange = job.range;
    LaneSums sums;
    for (std::int64_t i = 0; i < job.count; ++i) {
        const std::int64_t place = i % perSample % kFigureBlock;
        if (place == 0) {
            sums.addTo(figures);
            sums = {};
        }
        const auto lane = static_cast<std::size_t>(place) % kSumLanes;
        const float x = job.x[i];
        const Quantized quantized = quantize(i);
        const float y = job.given ? job.given[i] : quantized.value;
        countElement(x, y, quantized.side, scale, figures);
        if (std::isfinite(x)) {
            sums.add(lane, x, y, job.range.shift());
            const double error = std::abs(static_cast<double>(y) - x);
            if (figures.maxErrorIndex < 0 || isGreaterError(error, figures.maxError)) {
                figures.maxError = error;
                figures.maxErrorIndex = i;
            }
        }
        if (job.reference && std::isfinite(job.reference[i]) && std::isfinite(y))
            sums.addReference(lane, y, job.reference[i]);
        if (job.y)
            job.y[i] = y;
    }
    sums.addTo(figures);
    return figures;
}

} // namespace fxp::quant
