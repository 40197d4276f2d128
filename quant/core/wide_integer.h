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

/// An accumulator's integer, and on which side of its range the sum lay.
struct WideBounded {
    Int128 value;
    Side side;
};

/// v · 2^shift, rounded as the format says and brought into its range, for any shift; |v| < 2^127. `draw`: the random
/// number of STOCHASTIC.
WideBounded requantize(Int128 v, int shift, const QType& type, double draw);

/// v · 2^exponent as float32, to nearest (ties to even), or to odd: toward zero, with the last bit set where that was
/// not exact.
float toFloat(Int128 v, int exponent, bool toOdd);
/// The same from a double.
float toFloat(double v, bool toOdd);

/// Bits that v needs as a two's complement integer: k + 1 for −2^k, k + 2 for 2^k, and 1 for 0 and −1.
int bitsOf(Int128 v);
/// The same for the integer v · 2^fraction.
int bitsOf(double v, int fraction);

/// A finite double, taken apart: mantissa · 2^exponent, exactly.
struct Exact {
    Int128 mantissa = 0;
    int exponent = 0;
    bool negativeZero = false; ///< true for −0, whose mantissa is 0

    double toDouble() const; ///< to nearest
    float toFloat() const;   ///< to nearest, in one rounding
};
Exact exactOf(double v);

} // namespace fxp::quant
