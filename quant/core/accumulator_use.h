#pragma once

#include <cstdint>

namespace fxp::quant {

/// What a layer's sums of products ask of their accumulator, in bits of a two's complement integer on the grid of the
/// exact sum, sign included. FIXED_POINT.md, section 6.
struct AccumulatorUse {
    int worstBits = 0;    ///< bits(input) + bits(weight) + ⌈log2 K⌉, more where the bias is large: no data of these
                          ///< formats needs more. 0: an operand is float, and the sum is not one of integers
    int observedBits = 0; ///< what the run's least and greatest sum need
    std::int64_t overflowLow = 0, overflowHigh = 0; ///< sums outside the accumulator's format, counted exactly

    void add(const AccumulatorUse& part);
};

} // namespace fxp::quant
