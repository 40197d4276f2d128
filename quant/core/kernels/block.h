#pragma once

#include "quant/core/kernels/quantize_kernel.h"

#include <vector>

namespace fxp::quant {

/// The plain loop over one block of at most kFigureBlock elements, shared by the reference and by the fast version's
/// remainders and rare methods.
void quantizeBlockPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, Figures& figures);

void quantizeValuesPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end);

/// The vectorized ones.
struct TaskCells;
void quantizeBlockFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, TaskCells* cells,
                       Figures& figures);
void quantizeValuesFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end);

/// The linear bins' scale (1 / width) and the number of the first; both exact.
struct LinearScale {
    explicit LinearScale(const LinearRange& range);
    float perUnit;
    int first;
};
/// The bin of a finite x, by magnitude on either side of zero, clamped to the end bins.
int linearBin(float x, const LinearScale& scale);

/// Histograms of a task's values by the first 14 bits of each: sign, exponent and five bits of mantissa. Both
/// histograms follow from these counts exactly where no linear bin is narrower than such a cell; one increment serves
/// for two. Each vector lane has counts of its own: elements that fall into one cell one after the other would have
/// their increments wait for each other's stores.
class CellCounts {
  public:
    static constexpr int kShift = 18;
    static constexpr std::size_t kCells = std::size_t{1} << (32 - kShift);
    static constexpr std::size_t kLanes = 8;
    /// Cells of negative values stand this much further on: at a distance that is a power of two, all the cells in use
    /// would share few sets of the cache.
    static constexpr std::size_t kSkew = 720;
    /// A task's elements by lane must fit a 16-bit count.
    static constexpr std::int64_t kMaxElements = std::int64_t{65'535} * kLanes;

    /// Whether the linear bins are wide enough.
    static bool fits(const LinearRange& range);

    /// The count of a cell in a lane stands at (cell + skew) · kLanes + lane.
    std::uint16_t* counts() { return m_counts.data(); }
    /// Adds what was counted to the histograms and begins anew. Zeros are counted beside.
    void take(const LinearRange& range, std::int64_t positiveZeros, std::int64_t negativeZeros, Histograms& histograms);

  private:
    std::vector<std::uint16_t> m_counts = std::vector<std::uint16_t>((kCells + kSkew) * kLanes, 0);
};

/// The cells of a task under way; null where elements are counted into the histograms directly.
struct TaskCells {
    CellCounts before, after;
    std::int64_t zeros[4] = {}; ///< of x and of y: positive, negative
};

} // namespace fxp::quant
