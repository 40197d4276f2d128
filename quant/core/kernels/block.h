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

/// Quantizes a piece in a plain loop and adds all of its figures except the sums and the greatest error; the fast
/// version uses it for remainders and rare methods. `y` gets the piece's values; it is not written where it is the
/// job's `x` or `given`.
void countBlockPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, Figures& figures);
/// The values only, without figures.
void quantizeValuesPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y);

/// The same two functions, vectorized. `cells` is null where elements are counted into the histograms directly.
struct TaskCells;
void countBlockFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, TaskCells* cells,
                    Figures& figures);
void quantizeValuesFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y);

/// The values to sum.
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

/// The sum of a segment from its eight lanes; element i was added to lanes[i mod kSumLanes]. Every implementation adds
/// the lanes in this one order.
inline constexpr std::size_t kSumLanes = 8;
inline double sumOfLanes(const double* lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/// The linear bins as factors: bins per unit (1 / width) and the number of the first bin; both exact.
struct LinearScale {
    explicit LinearScale(const LinearRange& range);
    float perUnit;
    int first;
};
/// The bin of a finite x, by magnitude on either side of zero, clamped to the end bins.
int linearBin(float x, const LinearScale& scale);

/// Widens figures.min and figures.max by finite values, which `figures.count` does not include yet.
void extendRange(Figures& figures, double low, double high);

/// Counts a task's values by the first 14 bits of each: sign, exponent and five bits of mantissa. Where no linear bin
/// is narrower than such a cell, both histograms follow exactly from these counts, for one increment per element. Each
/// vector lane has its own counts, because an increment of the same cell right after another would wait for that one's
/// store.
class CellCounts {
  public:
    static constexpr int kShift = 18;
    static constexpr std::size_t kCells = std::size_t{1} << (32 - kShift);
    static constexpr std::size_t kLanes = 8;
    /// The cells of negative values are moved up by this much. Without it they would lie at a distance that is a power
    /// of two from the positive ones, and all cells in use would share a few sets of the cache.
    static constexpr std::size_t kSkew = 720;
    /// A task has so few elements that the count of one lane fits 16 bits.
    static constexpr std::int64_t kMaxElements = std::int64_t{65'535} * kLanes;

    /// Whether the linear bins are wide enough.
    static bool fits(const LinearRange& range);

    /// The count of a cell in a lane is at index (cell + skew) · kLanes + lane, skew being kSkew for negative values,
    /// else 0.
    std::uint16_t* counts() { return m_counts.data(); }
    /// Adds the counts to the histograms and clears them. The fast loop counts zeros separately and gives their numbers
    /// here.
    void flush(const LinearRange& range, std::int64_t positiveZeros, std::int64_t negativeZeros,
               Histograms& histograms);

  private:
    std::vector<std::uint16_t> m_counts = std::vector<std::uint16_t>((kCells + kSkew) * kLanes, 0);
};

/// The counts of one task while it runs.
struct TaskCells {
    CellCounts before, after;
    std::int64_t zeros[4] = {}; ///< of x and of y: positive, negative
};

} // namespace fxp::quant
