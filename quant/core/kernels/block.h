#pragma once

#include "quant/core/kernels/quantize_kernel.h"

#include <cstddef>
#include <vector>

namespace fxp::quant {

/// The elements begin … end − 1 of a job: blocks of one sample or several whole samples, of kFigureBlock elements at
/// most. Float64 sums begin anew after every `segment` elements.
struct Piece {
    std::int64_t begin, end, segment;
};

/// How a job is cut into pieces, which depends on the job's samples alone.
class Pieces {
  public:
    explicit Pieces(const QuantizeJob& job);
    std::int64_t count() const { return m_count; }
    Piece at(std::int64_t index) const;

  private:
    std::int64_t m_elements, m_perSample;
    std::int64_t m_blocksPerSample;
    std::int64_t m_samplesPerPiece = 1; ///< more than one only where a sample is a block or less
    std::int64_t m_count;
};

/// Quantizes a piece in a plain loop and adds all of its figures but the sums and the greatest error; serves the fast
/// version's remainders and rare methods. `y` is where the piece's values go; not written where they are the job's `x`
/// or `given`.
void countBlockPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, Figures& figures);
/// Values alone.
void quantizeValuesPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y);

/// The vectorized ones. `cells` is null where elements are counted into the histograms directly.
struct TaskCells;
void countBlockFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, TaskCells* cells,
                    Figures& figures);
void quantizeValuesFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y);

/// What sums are taken of.
struct SegmentValues {
    const float* x;
    const float* y;
    const float* reference; ///< null: none
    std::int64_t count;
    std::int64_t segment; ///< sums begin anew after so many elements
};
/// Adds the sums and the greatest error. `first`: index of x[0] among the elements of `figures`.
void addSums(const SegmentValues& values, std::int64_t first, Figures& figures);
void addSquaredError(const SegmentValues& values, SquaredError& error);

/// The sum of a segment whose element i was added to lanes[i mod kSumLanes]: one tree, whatever made the lanes.
inline constexpr std::size_t kSumLanes = 8;
inline double sumOfLanes(const double* lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/// The linear bins' scale (1 / width) and the number of the first; both exact.
struct LinearScale {
    explicit LinearScale(const LinearRange& range);
    float perUnit;
    int first;
};
/// The bin of a finite x, by magnitude on either side of zero, clamped to the end bins.
int linearBin(float x, const LinearScale& scale);

/// Widens the range of finite x; `figures.count` does not have them yet.
void extendRange(Figures& figures, double low, double high);

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

/// The cells of a task under way.
struct TaskCells {
    CellCounts before, after;
    std::int64_t zeros[4] = {}; ///< of x and of y: positive, negative
};

} // namespace fxp::quant
