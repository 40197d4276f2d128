#pragma once

#include <cstdint>

namespace fxp::quant {

/// The bits that a layer's sums of products need: the width of a two's complement integer on the grid of the exact sum,
/// sign included. FIXED_POINT.md, section 6.
struct AccumulatorUse {
    int worstBits = 0; ///< enough for any data of these formats: bits(input) + bits(weight) + ⌈log2 K⌉, more where the
                       ///< bias is large; 0 where an operand is float
    int observedBits = 0;                           ///< enough for the least and the greatest sum of the run
    std::int64_t overflowLow = 0, overflowHigh = 0; ///< sums outside the accumulator's format, counted exactly

    void add(const AccumulatorUse& part);
};

} // namespace fxp::quant
