#pragma once

#include "quant/core/exact_accumulator.h"
#include "quant/core/integer_bits.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace fxp::quant {

inline constexpr int kLinearBins = 128;
/// A histogram with one bin per sign and biased float32 exponent: index = sign · 256 + exponent. Zeros are not counted;
/// denormals count for exponent 0.
inline constexpr int kLog2Bins = 512;
/// Magnitudes from 2^k up to 2^(k+1) are counted in bin k + kExponentBias.
inline constexpr int kExponentBias = 127;

/// The linear histogram's bins: their width is a power of two and their edges are its multiples, so that they lie on
/// the grid of any format. A bin counts magnitudes from its inner edge up to, but without, its outer one; zero is in
/// the first positive one. Values outside the range are counted in the end bins.
struct LinearRange {
    double low = 0;  ///< where the first bin begins
    double high = 0; ///< where the last one ends

    /// The narrowest such bins that hold the values; symmetric around zero where that costs no more than half of them.
    static LinearRange around(const ValueRange& values);

    double binWidth() const { return (high - low) / kLinearBins; }
    /// Subtracted from x before it is summed, so that a standard deviation far smaller than the mean keeps its digits:
    /// the middle of the range; 0 where the range is symmetric.
    double shift() const { return low == -high ? 0.0 : (low + high) / 2; }
    bool operator==(const LinearRange&) const = default;
};

/// How the values of a tensor are spread.
struct Histograms {
    std::array<std::int64_t, kLinearBins> linear{};
    std::array<std::int64_t, kLog2Bins> log2{};

    void add(const Histograms& other);
};

/// What quantize did to one tensor: FIXED_POINT.md, section 7. x is the value before, y after, r the float run's value,
/// s the shift of linearRange. Non-finite x are counted and left out of every sum. Counts are exact. Sums are those of
/// float64 sums over fixed blocks of each sample, added up exactly: they depend neither on threads or instruction set,
/// nor on how samples were split into batches. Mergeable: figures of several batches add up, in any grouping.
struct Figures {
    std::int64_t count = 0, nan = 0, inf = 0, zero = 0;
    std::int64_t overflowLow = 0, overflowHigh = 0; ///< x·2^F rounded below q_min, above q_max
    std::int64_t underflow = 0;                     ///< non-zero x that became 0
    double min = 0, max = 0;                        ///< over finite x; both 0 when there is none
    ExactAccumulator sumShifted, sumShiftedSquares; ///< Σ(x − s), Σ(x − s)²
    ExactAccumulator sumSquares;                    ///< Σx²
    ExactAccumulator sumError;                      ///< Σ(y − x)
    ExactAccumulator sumOutward;                    ///< Σ sign(x)·(y − x)
    ExactAccumulator sumSquaredError;               ///< Σ(y − x)²
    double maxError = 0;                            ///< max |y − x|; NaN where one is
    std::int64_t maxErrorIndex = -1;                ///< flat index of the first such element; −1 when no x is finite
    ExactAccumulator referenceSquares;              ///< Σr², over finite r and y
    ExactAccumulator referenceSquaredError;         ///< Σ(y − r)², over the same
    LinearRange linearRange;
    Histograms before, after;

    /// Adds the figures of a further part of the same tensor, whose first element is element `count` of the whole. Both
    /// have the same linearRange, unless one of them is empty.
    void add(const Figures& part);

    std::int64_t finite() const { return count - nan - inf; }
    std::int64_t overflow() const { return overflowLow + overflowHigh; }
    double overflowShare() const; ///< 0 … 1
    double mean() const;
    double deviation() const; ///< standard deviation, population
    double mse() const;
    double sqnr() const;                  ///< 10·log10(Σx² / Σ(x − y)²) dB; +Inf when there is no error
    double referenceSqnr() const;         ///< 10·log10(Σr² / Σ(r − y)²) dB: error accumulated so far
    double bias(double lsb) const;        ///< mean(y − x) in LSB
    double outwardBias(double lsb) const; ///< mean(sign(x)·(y − x)) in LSB; negative where magnitudes shrink
    ValueRange range() const { return {min, max}; }
};

/// Whether error magnitude a is greater than b; NaN is greater than all, and not greater than itself.
inline bool isGreaterError(double a, double b) {
    return a > b || (std::isnan(a) && !std::isnan(b));
}

/// 10·log10(signal / noise) dB: +Inf without noise, −Inf without signal, NaN when either is NaN.
double decibels(double signal, double noise);

} // namespace fxp::quant
