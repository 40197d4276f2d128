#include "quant/core/wide_integer.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fxp::quant {

namespace {

__extension__ using UInt128 = unsigned __int128;

UInt128 magnitude(Int128 v) {
    return v < 0 ? -static_cast<UInt128>(v) : static_cast<UInt128>(v);
}

int bitLength(UInt128 v) {
    const auto high = static_cast<std::uint64_t>(v >> 64), low = static_cast<std::uint64_t>(v);
    return high ? 128 - std::countl_zero(high) : 64 - std::countl_zero(low);
}

/// v / 2^drop to an integer. `down` is the floor, `rest` what it dropped, of 2^drop.
Int128 roundDropped(Int128 v, int drop, Rounding rounding, double draw) {
    constexpr int kMost = 127;
    if (drop > kMost) { // rounding to odd first does not change the result of any rounding method
        const int extra = std::min(drop - kMost, kMost);
        const Int128 floor = v >> extra;
        return roundDropped(floor * (Int128{1} << extra) == v ? floor : floor | 1, kMost, rounding, draw);
    }
    const Int128 down = v >> drop;
    const auto rest = static_cast<UInt128>(v) & ((UInt128{1} << drop) - 1);
    const UInt128 half = UInt128{1} << (drop - 1);
    const auto nearest = [&](bool tieUp) { return rest > half || (rest == half && tieUp) ? down + 1 : down; };
    switch (rounding) {
    case Rounding::Round: return nearest((down & 1) != 0);
    case Rounding::Trunc: return v < 0 && rest != 0 ? down + 1 : down;
    case Rounding::Floor: return down;
    case Rounding::Ceil: return rest != 0 ? down + 1 : down;
    case Rounding::RoundHalfUp: return nearest(true);
    case Rounding::RoundHalfDown: return nearest(false);
    case Rounding::RoundHalfAway: return nearest(v >= 0);
    case Rounding::RoundHalfZero: return nearest(v < 0);
    case Rounding::Stochastic: {
        const double dropped = std::ldexp(static_cast<double>(rest), -drop);
        return dropped > draw ? down + 1 : down;
    }
    }
    return down;
}

} // namespace

int bitsOf(Int128 v) {
    return bitLength(static_cast<UInt128>(v < 0 ? ~v : v)) + 1;
}

int bitsOf(double v, int fraction) {
    int exponent = 0;
    const double mantissa = std::frexp(v, &exponent); // 2^(exponent − 1) ≤ |v| < 2^exponent
    if (v == 0)
        return 1;
    return std::max(1, exponent + fraction + (mantissa == -0.5 ? 0 : 1));
}

Exact exactOf(double v) {
    int exponent = 0;
    const double mantissa = std::frexp(v, &exponent);
    const auto integer = static_cast<std::int64_t>(std::ldexp(mantissa, 53));
    return {integer, exponent - 53, v == 0 && std::signbit(v)};
}

double Exact::toDouble() const {
    return negativeZero ? -0.0 : std::ldexp(static_cast<double>(mantissa), exponent);
}

float Exact::toFloat() const {
    return negativeZero ? -0.0f : quant::toFloat(mantissa, exponent, false);
}

WideBounded requantize(Int128 v, int shift, const QType& type, double draw) {
    const int bits = *type.totalBits;
    const Int128 half = Int128{1} << (bits - 1);
    if (shift > 0 && v != 0 && bitLength(magnitude(v)) + shift > 126) { // far outside; WRAP keeps zeros only
        const Side side = v < 0 ? Side::Low : Side::High;
        const Int128 extreme = v < 0 ? (type.overflow == Overflow::SaturateSymmetric ? 1 - half : -half) : half - 1;
        const bool toZero = type.overflow == Overflow::SaturateZero || shift >= bits;
        if (type.overflow == Overflow::Wrap && shift < bits)
            return {requantize(v & ((Int128{1} << (bits - shift)) - 1), shift, type, draw).value, side};
        return {toZero && type.overflow != Overflow::Saturate && type.overflow != Overflow::SaturateSymmetric ? 0
                                                                                                              : extreme,
                side};
    }
    const Int128 integer = shift >= 0 ? v * (Int128{1} << shift) : roundDropped(v, -shift, type.rounding, draw);
    const Int128 low = type.overflow == Overflow::SaturateSymmetric ? 1 - half : -half;
    if (integer >= low && integer < half)
        return {integer, Side::Inside};
    const Side side = integer < 0 ? Side::Low : Side::High;
    switch (type.overflow) {
    case Overflow::Saturate:
    case Overflow::SaturateSymmetric: return {side == Side::Low ? low : half - 1, side};
    case Overflow::SaturateZero: return {0, side};
    case Overflow::Wrap: break;
    }
    const Int128 residue = integer & ((half << 1) - 1);
    return {residue >= half ? residue - (half << 1) : residue, side};
}

float toFloat(double v, bool toOdd) {
    const auto nearest = static_cast<float>(v);
    if (!toOdd || static_cast<double>(nearest) == v || !std::isfinite(v))
        return nearest;
    const bool away = std::abs(static_cast<double>(nearest)) > std::abs(v);
    const auto bits = std::bit_cast<std::uint32_t>(nearest) - (away ? 1u : 0u); // toward zero
    return std::bit_cast<float>(bits | 1u);
}

float toFloat(Int128 v, int exponent, bool toOdd) {
    UInt128 size = magnitude(v);
    // Neither rounding looks at more than the first 62 bits and whether any bit after them was set.
    const int drop = bitLength(size) - 62;
    bool dropped = false;
    if (drop > 0) {
        dropped = (size & ((UInt128{1} << drop) - 1)) != 0;
        size >>= drop;
        exponent += drop;
    }
    auto kept = static_cast<std::uint64_t>(size) | (dropped ? 1u : 0u);
    const int more = static_cast<int>(std::bit_width(kept)) - 53;
    if (more > 0) { // to odd once more, so that it fits a double
        const bool inexact = (kept & ((std::uint64_t{1} << more) - 1)) != 0;
        kept = (kept >> more) | (inexact ? 1u : 0u);
        exponent += more;
    }
    const double value = std::ldexp(static_cast<double>(kept), exponent);
    return toFloat(v < 0 ? -value : value, toOdd);
}

} // namespace fxp::quant
