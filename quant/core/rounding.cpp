#include "quant/core/rounding.h"

#include <cmath>

namespace fxp::quant {

double stochasticDraw(std::uint64_t seed, std::uint64_t index) {
    std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return static_cast<double>(z >> 11) * 0x1p-53;
}

double roundTo(double v, Rounding rounding, double draw) {
    const double down = std::floor(v);
    // v + 1/2 rounds where v is negative and small, but never from one side of 1/2 to the other, only up to it.
    const double dropped = v - down;
    switch (rounding) {
    // Ties go to even, as torch.round does; nearbyint under the default rounding mode is exactly that.
    case Rounding::Round: return std::nearbyint(v);
    case Rounding::Trunc: return std::trunc(v);
    case Rounding::Floor: return down;
    case Rounding::Ceil: return std::ceil(v);
    case Rounding::RoundHalfUp: return dropped >= 0.5 ? down + 1 : down;
    case Rounding::RoundHalfDown: return v > down + 0.5 ? down + 1 : down; // down + 0.5 is exact where v has a fraction
    case Rounding::RoundHalfAway: return std::round(v);
    case Rounding::RoundHalfZero: return v < 0 ? (dropped >= 0.5 ? down + 1 : down) : (dropped > 0.5 ? down + 1 : down);
    case Rounding::Stochastic: return dropped > draw ? down + 1 : down;
    }
    return v;
}

Limits limits(const QType& type) {
    const double half = std::ldexp(1.0, *type.totalBits - 1);
    const auto high = static_cast<double>(static_cast<float>(half - 1));
    return {type.overflow == Overflow::SaturateSymmetric ? -high : -half, high};
}

namespace {

double wrapped(double integer, const QType& type) {
    const double modulus = std::ldexp(1.0, *type.totalBits);
    const double residue = std::fmod(integer, modulus); // exact; its sign is the integer's
    if (residue >= modulus / 2)
        return residue - modulus;
    return residue < -modulus / 2 ? residue + modulus : residue;
}

} // namespace

Bounded bound(double integer, const QType& type, const Limits& limits) {
    if (std::isnan(integer))
        return {integer, Side::Inside};
    if (type.overflow == Overflow::Wrap || type.overflow == Overflow::SaturateZero) {
        const double half = std::ldexp(1.0, *type.totalBits - 1);
        if (integer >= -half && integer < half)
            return {integer, Side::Inside};
        const Side side = integer < 0 ? Side::Low : Side::High;
        if (type.overflow == Overflow::SaturateZero)
            return {0.0, side};
        if (!std::isinf(integer))
            return {wrapped(integer, type), side};
    }
    if (integer < limits.low)
        return {limits.low, Side::Low};
    if (integer > limits.high)
        return {limits.high, Side::High};
    return {integer, Side::Inside};
}

Quantized quantizeOne(float x, const QType& type, const Limits& limits, double draw) {
    const double v = std::ldexp(static_cast<double>(x), *type.fractionalBits);
    const Bounded bounded = bound(roundTo(v, type.rounding, draw), type, limits);
    return {static_cast<float>(std::ldexp(bounded.value, -*type.fractionalBits)), bounded.side};
}

Quantized quantizeAffine(float x, const QType& type, const Limits& limits, double draw, std::size_t channel) {
    const double scale = type.affine->scale[channel];
    const auto zero = static_cast<double>(type.affine->zeroPoint[channel]);
    const double integer = roundTo(static_cast<double>(x) / scale, type.rounding, draw) + zero;
    if (type.overflow == Overflow::SaturateZero && !std::isnan(integer)) { // gives the value 0, not the integer 0
        const Bounded bounded = bound(integer, type, limits);
        return {bounded.side == Side::Inside ? static_cast<float>((bounded.value - zero) * scale) : 0.0f, bounded.side};
    }
    const Bounded bounded = bound(integer, type, limits);
    return {static_cast<float>((bounded.value - zero) * scale), bounded.side};
}

} // namespace fxp::quant
