#include "quant/core/figures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace fxp::quant {

namespace {

double perElement(double sum, std::int64_t count) {
    return count > 0 ? sum / static_cast<double>(count) : 0.0;
}

} // namespace

LinearRange LinearRange::around(const ValueRange& values) {
    const double largest = std::max({std::abs(values.low), std::abs(values.high), 1e-30});
    const double extent = values.high - values.low;
    constexpr int kHalf = kLinearBins / 2;
    int exponent = 0;
    std::frexp(largest / kHalf, &exponent); // kHalf bins of that width are more than the largest magnitude
    const double symmetric = std::ldexp(1.0, exponent);
    if (extent > 0 && extent < largest / 4) { // far from zero: finer bins where the values are
        std::frexp(extent / kHalf, &exponent);
        // Bins are not narrower than the distance between neighbouring float32 values there.
        const double width = std::max(std::ldexp(1.0, exponent), std::ldexp(symmetric, -15));
        const double low = (std::floor(values.low / width) - kHalf / 4) * width;
        return {low, low + kLinearBins * width};
    }
    return {-kHalf * symmetric, kHalf * symmetric};
}

void Histograms::add(const Histograms& other) {
    std::transform(linear.begin(), linear.end(), other.linear.begin(), linear.begin(), std::plus<>());
    std::transform(log2.begin(), log2.end(), other.log2.begin(), log2.begin(), std::plus<>());
}

void Figures::add(const Figures& part) {
    if (part.finite() > 0) {
        min = finite() > 0 ? std::min(min, part.min) : part.min;
        max = finite() > 0 ? std::max(max, part.max) : part.max;
    }
    if (part.maxErrorIndex >= 0 && (maxErrorIndex < 0 || isGreaterError(part.maxError, maxError))) {
        maxError = part.maxError;
        maxErrorIndex = count + part.maxErrorIndex;
    }
    if (part.count > 0)
        linearRange = part.linearRange;
    count += part.count;
    nan += part.nan;
    inf += part.inf;
    zero += part.zero;
    overflowLow += part.overflowLow;
    overflowHigh += part.overflowHigh;
    underflow += part.underflow;
    sumShifted.add(part.sumShifted);
    sumShiftedSquares.add(part.sumShiftedSquares);
    sumSquares.add(part.sumSquares);
    sumError.add(part.sumError);
    sumOutward.add(part.sumOutward);
    sumSquaredError.add(part.sumSquaredError);
    referenceSquares.add(part.referenceSquares);
    referenceSquaredError.add(part.referenceSquaredError);
    before.add(part.before);
    after.add(part.after);
}

double Figures::overflowShare() const {
    return perElement(static_cast<double>(overflow()), count);
}
double Figures::mean() const {
    return finite() > 0 ? linearRange.shift() + perElement(sumShifted, finite()) : 0.0;
}
double Figures::deviation() const {
    const double mean = perElement(sumShifted, finite());
    return std::sqrt(std::max(0.0, perElement(sumShiftedSquares, finite()) - mean * mean));
}
double Figures::mse() const {
    return perElement(sumSquaredError, finite());
}
double Figures::sqnr() const {
    return decibels(sumSquares, sumSquaredError);
}
double Figures::referenceSqnr() const {
    return decibels(referenceSquares, referenceSquaredError);
}
double Figures::bias(double lsb) const {
    return perElement(sumError, finite()) / lsb;
}
double Figures::outwardBias(double lsb) const {
    return perElement(sumOutward, finite()) / lsb;
}

double decibels(double signal, double noise) {
    if (noise == 0)
        return std::numeric_limits<double>::infinity();
    return 10 * std::log10(signal / noise);
}

} // namespace fxp::quant
