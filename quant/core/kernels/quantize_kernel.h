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
    std::int64_t firstIndex = 0;    ///< index of x[0] in its tensor: STOCHASTIC draws by element index
    QType type;                     ///< complete or float
    std::uint64_t seed = 0;         ///< of STOCHASTIC
    LinearRange range;              ///< of the linear histograms
    std::int64_t channelStride = 1; ///< elements from one channel to the next, of a format per channel

    /// The strides that the format's axis has in a contiguous tensor of that shape. Throws Error naming `where` when
    /// there is no such axis, or another number of channels.
    void setShape(std::span<const std::int64_t> shape, const std::string& where);
};

/// Values, figures and both histograms, element by element in plain C++: what every faster version must equal.
/// Sums are taken in blocks of kFigureBlock elements and the blocks' figures added in order.
Figures quantizeReference(const QuantizeJob& job);

/// The same in one vectorized pass, on the calling thread's instruction set and LibTorch's thread pool. Values, counts
/// and histograms equal the reference's; sums differ by float64 rounding alone, and not with the number of threads.
Figures quantizeWithFigures(const QuantizeJob& job);

/// Values alone, vectorized and threaded.
void quantizeValues(const QuantizeJob& job);

inline constexpr std::int64_t kFigureBlock = 16384;

} // namespace fxp::quant
