#pragma once

#include "quant/core/qtype.h"
#include "quant/core/rounding.h"

namespace fxp::quant {

__extension__ using Int128 = __int128;

/// A 128-bit integer as two words of 64, the low one first.
struct Words {
    std::int64_t low = 0, high = 0;
};
inline Words wordsOf(Int128 v) {
    return {static_cast<std::int64_t>(v), static_cast<std::int64_t>(v >> 64)};
}
inline Int128 joined(Words words) {
    return static_cast<Int128>(words.high) * (Int128{1} << 64) + static_cast<std::uint64_t>(words.low);
}

/// The integer of an accumulator, and the side on which the sum lay outside of it.
struct WideBounded {
    Int128 value;
    Side side;
};

/// The integer v · 2^shift rounded as the format says, and brought into its range, whatever the shift is; |v| < 2^127.
/// `draw`: of STOCHASTIC.
WideBounded requantize(Int128 v, int shift, const QType& type, double draw);

/// v · 2^exponent as float32, to nearest (ties to even), or to odd: toward zero, with the last bit set where that was
/// not exact.
float toFloat(Int128 v, int exponent, bool toOdd);
/// The same from a double.
float toFloat(double v, bool toOdd);

/// Bits of v as a two's complement integer: k + 1 of −2^k, and k + 2 of 2^k. One of 0 and of −1.
int bitsOf(Int128 v);
/// The same of the integer v · 2^fraction.
int bitsOf(double v, int fraction);

/// A finite double, taken apart: mantissa · 2^exponent, exactly.
struct Exact {
    Int128 mantissa = 0;
    int exponent = 0;
    bool negativeZero = false; ///< what −0 is; its mantissa is 0

    double toDouble() const; ///< to nearest
    float toFloat() const;   ///< to nearest, in one rounding
};
Exact exactOf(double v);

} // namespace fxp::quant
