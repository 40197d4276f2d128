#pragma once

#include "quant/core/qtype.h"
#include "quant/core/rounding.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

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

/// Words that no sum has, for it has 126 bits at most: a value that is not finite among sums that are.
inline Words nonFiniteWords(float v) {
    return {std::isnan(v) ? 0 : v > 0 ? 1 : -1, std::numeric_limits<std::int64_t>::min()};
}
/// That value; absent for a sum.
inline std::optional<float> nonFiniteOf(Words words) {
    if (words.high != std::numeric_limits<std::int64_t>::min())
        return std::nullopt;
    return words.low == 0 ? std::numeric_limits<float>::quiet_NaN()
                          : static_cast<float>(words.low) * std::numeric_limits<float>::infinity();
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
