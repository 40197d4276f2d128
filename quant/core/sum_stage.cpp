#include "quant/core/sum_stage.h"

#include "quant/core/kernels/quantize_kernel.h"

#include <cmath>

namespace fxp::quant {

namespace {

/// The most bits with which float64 holds one integer beyond either limit, and the halves between integers.
constexpr int kMostDoubleBits = 50;

void count(SumOverflow& overflow, Side side) {
    overflow.low += side == Side::Low;
    overflow.high += side == Side::High;
}

/// v rounded to an integer, without branches. Adding and subtracting 2^52 rounds to nearest (ties to even) and is exact
/// for |v| < 2^52; a greater v is an integer already. The other methods compare v with that integer; comparisons are
/// exact.
template <Rounding R> inline double rounded(double v, double draw) {
    const double big = std::copysign(0x1p52, v);
    const double nearest = std::abs(v) < 0x1p52 ? (v + big) - big : v;
    const double gone = v - nearest; // −½ … ½, exact
    const double floor = nearest - (nearest > v ? 1.0 : 0.0);
    if constexpr (R == Rounding::Round)
        return std::copysign(nearest, v);
    if constexpr (R == Rounding::Floor)
        return std::copysign(floor, v);
    if constexpr (R == Rounding::Ceil)
        return std::copysign(nearest + (nearest < v ? 1.0 : 0.0), v);
    if constexpr (R == Rounding::Trunc)
        return std::copysign(std::abs(nearest) - (std::abs(nearest) > std::abs(v) ? 1.0 : 0.0), v);
    const double tieUp = gone == 0.5 ? 1.0 : 0.0, tieDown = gone == -0.5 ? 1.0 : 0.0;
    if constexpr (R == Rounding::RoundHalfAway)
        return std::copysign(nearest + (v < 0 ? -tieDown : tieUp), v);
    double result = 0;
    if constexpr (R == Rounding::RoundHalfUp)
        result = nearest + tieUp;
    if constexpr (R == Rounding::RoundHalfDown)
        result = nearest - tieDown;
    if constexpr (R == Rounding::RoundHalfZero)
        result = nearest + (v < 0 ? tieUp : -tieDown);
    if constexpr (R == Rounding::Stochastic)
        result = floor + (v - floor > draw ? 1.0 : 0.0);
    return v == 0 ? v : result; // as roundTo, which keeps the sign of −0 only
}

template <Rounding R> void roundAll(std::span<double> values, std::uint64_t seed, std::int64_t index) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double draw =
            R == Rounding::Stochastic ? stochasticDraw(seed, static_cast<std::uint64_t>(index) + i) : 0.0;
        values[i] = rounded<R>(values[i], draw);
    }
}

void roundAll(std::span<double> values, Rounding rounding, std::uint64_t seed, std::int64_t index) {
    switch (rounding) {
    case Rounding::Round: return roundAll<Rounding::Round>(values, seed, index);
    case Rounding::Trunc: return roundAll<Rounding::Trunc>(values, seed, index);
    case Rounding::Floor: return roundAll<Rounding::Floor>(values, seed, index);
    case Rounding::Ceil: return roundAll<Rounding::Ceil>(values, seed, index);
    case Rounding::RoundHalfUp: return roundAll<Rounding::RoundHalfUp>(values, seed, index);
    case Rounding::RoundHalfDown: return roundAll<Rounding::RoundHalfDown>(values, seed, index);
    case Rounding::RoundHalfAway: return roundAll<Rounding::RoundHalfAway>(values, seed, index);
    case Rounding::RoundHalfZero: return roundAll<Rounding::RoundHalfZero>(values, seed, index);
    case Rounding::Stochastic: return roundAll<Rounding::Stochastic>(values, seed, index);
    }
}

/// Brings integers into the range; NaN and ±Inf give what bound() gives.
void boundAll(std::span<double> integers, const QType& type, const Limits& limits, SumOverflow& overflow) {
    const double half = std::ldexp(1.0, *type.totalBits - 1);
    const bool toZero = type.overflow == Overflow::SaturateZero;
    const double low = toZero ? -half : limits.low, high = toZero ? half - 1 : limits.high;
    std::int64_t below = 0, above = 0;
    if (type.overflow == Overflow::Wrap) {
        const double modulus = 2 * half, share = 1 / modulus;
        for (double& v : integers) {
            below += v < -half;
            above += v >= half;
            const bool outside = v < -half || v >= half;
            // Every step is exact: the results are multiples of v's last bit and no larger than v or the modulus.
            double residue = v - rounded<Rounding::Floor>(v * share, 0) * modulus;
            residue -= residue >= half ? modulus : 0.0;
            residue = residue == 0 ? std::copysign(0.0, v) : residue;
            residue = std::abs(v) == INFINITY ? (v < 0 ? limits.low : limits.high) : residue;
            v = outside ? residue : v;
        }
    } else {
        for (double& v : integers) {
            const bool under = v<low, over = v> high;
            below += under;
            above += over;
            const double clamped = under ? low : over ? high : v;
            v = toZero && (under || over) ? 0.0 : clamped;
        }
    }
    overflow.low += below;
    overflow.high += above;
}

/// Whether a negative value that becomes zero gives −0, as it does in roundTo and bound.
bool keepsSign(const Exact& value, const QType& type, Side side) {
    if (value.mantissa == 0)
        return value.negativeZero;
    if (value.mantissa > 0)
        return false;
    if (side != Side::Inside)
        return type.overflow == Overflow::Wrap;
    return type.rounding == Rounding::Round || type.rounding == Rounding::Trunc || type.rounding == Rounding::Ceil ||
           type.rounding == Rounding::RoundHalfAway;
}

struct Scaled {
    double value;
    Side side;
};

/// quantizeAffine for a float64 value.
Scaled quantizeScaled(double x, const QType& type, const Limits& limits, double draw, std::size_t channel) {
    const double scale = type.affine->scale[channel];
    const auto zero = static_cast<double>(type.affine->zeroPoint[channel]);
    const Bounded bounded = bound(roundTo(x / scale, type.rounding, draw) + zero, type, limits);
    if (type.overflow == Overflow::SaturateZero && bounded.side != Side::Inside)
        return {0, bounded.side}; // the result is the value 0, not the integer 0
    return {(bounded.value - zero) * scale, bounded.side};
}

} // namespace

SumStage::SumStage(const QType& type, std::uint64_t seed, std::int64_t firstIndex, std::span<const std::int64_t> shape,
                   const char* where)
    : m_type(type), m_limits(limits(type)), m_seed(seed), m_firstIndex(firstIndex) {
    // The overflow counts are those of the integers: a sum may lie outside the range by less than float32 can show. It
    // then rounds to the same float32 value as the limit, and still counts as overflow.
    if (!type.affine) {
        const double half = std::ldexp(1.0, *type.totalBits - 1);
        m_limits = {type.overflow == Overflow::SaturateSymmetric ? 1 - half : -half, half - 1};
    }
    QuantizeJob job;
    job.type = type;
    job.setShape(shape, where);
    m_channelStride = job.channelStride;
}

bool SumStage::fitsDouble() const {
    return m_type.affine || *m_type.totalBits <= kMostDoubleBits;
}

double SumStage::draw(std::int64_t index) const {
    if (m_type.rounding != Rounding::Stochastic)
        return 0;
    return stochasticDraw(m_seed, static_cast<std::uint64_t>(m_firstIndex + index));
}

std::size_t SumStage::channel(std::int64_t index) const {
    const auto channels = static_cast<std::int64_t>(m_type.affine->scale.size());
    return channels == 1 ? 0 : static_cast<std::size_t>(index / m_channelStride % channels);
}

void SumStage::quantize(std::span<double> values, std::int64_t index, SumOverflow& overflow) const {
    if (m_type.affine) {
        for (double& v : values) {
            const Scaled scaled = quantizeScaled(v, m_type, m_limits, draw(index), channel(index));
            count(overflow, scaled.side);
            v = scaled.value;
            ++index;
        }
        return;
    }
    const double up = std::ldexp(1.0, *m_type.fractionalBits), down = std::ldexp(1.0, -*m_type.fractionalBits);
    for (double& v : values)
        v *= up;
    roundAll(values, m_type.rounding, m_seed, m_firstIndex + index);
    boundAll(values, m_type, m_limits, overflow);
    for (double& v : values)
        v *= down;
}

Exact SumStage::quantize(const Exact& value, std::int64_t index, SumOverflow& overflow) const {
    if (m_type.affine) {
        const Scaled scaled = quantizeScaled(value.toDouble(), m_type, m_limits, draw(index), channel(index));
        count(overflow, scaled.side);
        return exactOf(scaled.value);
    }
    const int fraction = *m_type.fractionalBits;
    const WideBounded bounded = requantize(value.mantissa, value.exponent + fraction, m_type, draw(index));
    count(overflow, bounded.side);
    return {bounded.value, -fraction, bounded.value == 0 && keepsSign(value, m_type, bounded.side)};
}

float SumStage::quantize(float value, std::int64_t index, SumOverflow& overflow) const {
    const Quantized one = m_type.affine ? quantizeAffine(value, m_type, m_limits, draw(index), channel(index))
                                        : quantizeOne(value, m_type, m_limits, draw(index));
    count(overflow, one.side);
    return one.value;
}

} // namespace fxp::quant
