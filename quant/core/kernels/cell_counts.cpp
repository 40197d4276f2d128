#include "quant/core/kernels/block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

namespace fxp::quant {

namespace {

constexpr int kMantissaBits = 23 - CellCounts::kShift;

} // namespace

bool CellCounts::fits(const LinearRange& range) {
    // Below the outer edge, at most 2^kMantissaBits · width · 2, a cell is at most one bin wide; outside, all is one
    // bin.
    return range.low == -range.high && kLinearBins / 2 <= (2 << kMantissaBits);
}

void CellCounts::flush(const LinearRange& range, std::int64_t positiveZeros, std::int64_t negativeZeros,
                       Histograms& histograms) {
    const LinearScale scale(range);
    constexpr std::size_t kNegativeZero = kCells / 2;
    constexpr std::size_t kCellsPerExponent = std::size_t{1} << kMantissaBits;
    for (std::size_t cell = 0; cell < kCells; ++cell) {
        std::uint16_t* lanes = &m_counts[(cell >= kNegativeZero ? cell + kSkew : cell) * kLanes];
        std::uint64_t words[2];
        std::memcpy(words, lanes, sizeof words);
        if ((words[0] | words[1]) == 0)
            continue;
        std::int64_t count = std::accumulate(lanes, lanes + kLanes, std::int64_t{0});
        std::fill_n(lanes, kLanes, std::uint16_t{0});
        const auto inner = std::bit_cast<float>(static_cast<std::uint32_t>(cell) << kShift);
        const bool negative = cell >= kNegativeZero;
        if (cell == 0 || cell == kNegativeZero) {
            const std::int64_t zeros = negative ? negativeZeros : positiveZeros;
            histograms.linear[static_cast<std::size_t>(linearBin(0, scale))] += zeros;
            count -= zeros;
        }
        histograms.log2[cell / kCellsPerExponent] += count;
        const int bin = negative && inner == 0 ? linearBin(-1e-45f, scale) : linearBin(inner, scale);
        histograms.linear[static_cast<std::size_t>(bin)] += count;
    }
}

} // namespace fxp::quant
