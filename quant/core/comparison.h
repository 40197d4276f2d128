#pragma once

#include "quant/core/exact_accumulator.h"

#include <cstdint>

namespace fxp::quant {

/// How far values v are from their references r. Values that are not finite are not hidden: where a pair has a NaN, or
/// an infinity that the other does not have, the noise is not finite either. Pairs of the same infinity count as equal
/// and add nothing to the signal. Sums are exact as in Figures: the result does not depend on how samples were split
/// into calls.
struct Comparison {
    ExactAccumulator signal; ///< Σr²
    ExactAccumulator noise;  ///< Σ(v − r)²
    double maxError = 0;     ///< max |v − r|; NaN where one is
    std::int64_t count = 0;
    std::int64_t nan = 0; ///< pairs in which either is NaN

    /// Adds `elements` further pairs, of whole samples of `perSample` elements each (0: all of them are one sample).
    void add(const float* reference, const float* value, std::int64_t elements, std::int64_t perSample = 0);
    void add(const Comparison& other);

    double mse() const;  ///< over all pairs; 0 when there are none
    double sqnr() const; ///< 10·log10(Σr² / Σ(v − r)²) dB; +Inf when there is no error
};

} // namespace fxp::quant
