#pragma once

#include "quant/core/qtype.h"
#include "quant/core/rounding.h"

namespace fxp::quant {

__extension__ using Int128 = __int128;

/// The integer of an accumulator, and the side on which the sum lay outside of it.
struct WideBounded {
    Int128 value;
    Side side;
};

/// The integer v · 2^shift rounded as the format says, and brought into its range. `shift` ≤ 0 drops bits. `draw`: of
/// STOCHASTIC.
WideBounded requantize(Int128 v, int shift, const QType& type, double draw);

/// v · 2^exponent as float32, to nearest (ties to even), or to odd: toward zero, with the last bit set where that was
/// not exact.
float toFloat(Int128 v, int exponent, bool toOdd);
/// The same from a double.
float toFloat(double v, bool toOdd);

/// ⌈log2(|v| + 1)⌉ + 1: bits of v as a two's complement integer, one more than needed for −2^k.
int bitsOf(Int128 v);

} // namespace fxp::quant
