#pragma once

#include "quant/core/figures.h"
#include "quant/core/qtype.h"

#include <cstdint>
#include <span>
#include <string>

namespace fxp::quant {

/// One tensor to quantize; all pointers are to `count` contiguous floats.
struct QuantizeJob {
    const float* x = nullptr;
    const float* reference = nullptr; ///< the same tensor of the float run; null: not compared
    float* y = nullptr;               ///< where the result goes; may be x itself; null: figures alone
    const float* given = nullptr;     ///< the results, where they were computed from more bits than x has; else null
    std::int64_t count = 0;
    /// Elements of one sample; samples lie one after the other, and x[0] begins one. 0: all of x is one sample. Sums do
    /// not depend on how samples are split into jobs.
    std::int64_t perSample = 0;
    std::int64_t firstIndex = 0;    ///< index of x[0] among all samples' elements: STOCHASTIC draws by it
    QType type;                     ///< complete or float
    std::uint64_t seed = 0;         ///< of STOCHASTIC
    LinearRange range;              ///< of the linear histograms
    std::int64_t channelStride = 1; ///< elements from one channel to the next, of a format per channel

    /// The strides that the format's axis has in a contiguous tensor of that shape. Throws Error naming `where` when
    /// there is no such axis, or another number of channels.
    void setShape(std::span<const std::int64_t> shape, const std::string& where);
};

/// Values, figures and both histograms, element by element in plain C++: what every faster version must equal.
///
/// Sums: each sample is cut into blocks of kFigureBlock elements from its start. In a block, element i is added to the
/// float64 sum i mod 8; these eight are added as a tree; and the blocks' sums go into an ExactAccumulator.
Figures quantizeReference(const QuantizeJob& job);

/// The same, vectorized for the machine's instruction set and run on LibTorch's thread pool: equal to the last bit for
/// any instruction set and number of threads.
Figures quantizeWithFigures(const QuantizeJob& job);

/// The signal and the noise of a job: Figures::sumSquares and sumSquaredError.
struct SquaredError {
    ExactAccumulator signal; ///< Σx²
    ExactAccumulator noise;  ///< Σ(y − x)²

    void add(const SquaredError& other);
    double sqnr() const; ///< dB; +Inf when there is no error
};

/// The same numbers as quantizeWithFigures gives, to the last bit, in a fraction of its time. Writes no values; job.y
/// and job.reference are not read.
SquaredError squaredError(const QuantizeJob& job);

/// Computes the values only, without figures; vectorized and threaded.
void quantizeValues(const QuantizeJob& job);

inline constexpr std::int64_t kFigureBlock = 16384;

} // namespace fxp::quant
