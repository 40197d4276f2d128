#include "quant/core/kernels/sgemm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/core/kernels/sgemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fxp::quant::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using VF = hn::Vec<F32>;

// A tile of kTileRows × 2 vectors of sums stays in registers, with one row of b and one element of a.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3
constexpr std::int64_t kTileRows = 6; // sixteen registers
#else
constexpr std::int64_t kTileRows = 12;
#endif
constexpr std::int64_t kRowBlock = 120; // a block of a fits the second cache; a multiple of both kTileRows
constexpr std::int64_t kTermBlock = 256;
constexpr std::int64_t kColumnBlock = 512;
static_assert(kRowBlock % kTileRows == 0);

std::int64_t panelWidth() {
    return 2 * static_cast<std::int64_t>(hn::Lanes(F32()));
}

/// Packs terms k0…k1 of `count` rows (or columns) from i0 on, term by term, `width` places for each term; places
/// without a row are zero.
void packPanel(const SgemmOperand& from, std::int64_t i0, std::int64_t count, std::int64_t k0, std::int64_t k1,
               std::int64_t width, float* to) {
    const float* data = from.data + i0 * from.indexStride + k0 * from.termStride;
    const std::int64_t terms = k1 - k0;
    if (from.indexStride == 1) {
        for (std::int64_t k = 0; k < terms; ++k)
            std::memcpy(to + k * width, data + k * from.termStride, static_cast<std::size_t>(count) * sizeof(float));
    } else {
        std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
        if (from.termStride == 1) {
            const hn::FixedTag<float, 4> d;
            const hn::RepartitionToWide<decltype(d)> pairs;
            for (; i + 4 <= count; i += 4) {
                const float* row = data + i * from.indexStride;
                float* column = to + i;
                std::int64_t k = 0;
                for (; k + 4 <= terms; k += 4) {
                    const auto r0 = hn::LoadU(d, row + k), r1 = hn::LoadU(d, row + from.indexStride + k);
                    const auto r2 = hn::LoadU(d, row + 2 * from.indexStride + k);
                    const auto r3 = hn::LoadU(d, row + 3 * from.indexStride + k);
                    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
                    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
                    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
                    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
                    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, column + k * width);
                    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, column + (k + 1) * width);
                    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, column + (k + 2) * width);
                    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, column + (k + 3) * width);
                }
                for (; k < terms; ++k)
                    for (std::int64_t j = 0; j < 4; ++j)
                        column[k * width + j] = row[j * from.indexStride + k];
            }
        }
#endif
        for (; i < count; ++i)
            for (std::int64_t k = 0; k < terms; ++k)
                to[k * width + i] = data[i * from.indexStride + k * from.termStride];
    }
    for (std::int64_t k = 0; count < width && k < terms; ++k)
        std::fill(to + k * width + count, to + (k + 1) * width, 0.0f);
}

/// Rows of a block are cut into tiles of nearly equal height.
std::int64_t tileBegin(std::int64_t rows, std::int64_t tile) {
    const std::int64_t tiles = (rows + kTileRows - 1) / kTileRows;
    return rows * tile / tiles;
}

void packRowBlock(const SgemmOperand& a, std::int64_t row, std::int64_t rows, std::int64_t k0, std::int64_t k1,
                  float* to) {
    for (std::int64_t tile = 0, i = 0; i < rows; ++tile) {
        const std::int64_t next = tileBegin(rows, tile + 1);
        packPanel(a, row + i, next - i, k0, k1, next - i, to + i * (k1 - k0));
        i = next;
    }
}

/// What a tile does in addition to adding products.
struct TileEnds {
    bool first;              ///< the sums start at 0, not at the values in c
    const float* rowBias;    ///< the rows' bias of this tile, or null
    const float* columnBias; ///< one panel, or null
};

template <int Rows> HWY_INLINE void fullTile(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                                             std::int64_t terms, float* HWY_RESTRICT c, std::int64_t cStride,
                                             const TileEnds& ends) {
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    VF left[Rows], right[Rows];
#pragma GCC unroll 12
    for (int i = 0; i < Rows; ++i) {
        left[i] = ends.first ? hn::Zero(d) : hn::LoadU(d, c + i * cStride);
        right[i] = ends.first ? hn::Zero(d) : hn::LoadU(d, c + i * cStride + lanes);
    }
    for (std::int64_t k = 0; k < terms; ++k) {
        const VF b0 = hn::Load(d, b), b1 = hn::Load(d, b + lanes);
#pragma GCC unroll 12
        for (int i = 0; i < Rows; ++i) {
            const VF element = hn::Set(d, a[i]);
            left[i] = hn::MulAdd(element, b0, left[i]);
            right[i] = hn::MulAdd(element, b1, right[i]);
        }
        a += Rows;
        b += 2 * lanes;
    }
#pragma GCC unroll 12
    for (int i = 0; i < Rows; ++i) {
        if (ends.columnBias) {
            left[i] = hn::Add(left[i], hn::LoadU(d, ends.columnBias));
            right[i] = hn::Add(right[i], hn::LoadU(d, ends.columnBias + lanes));
        }
        if (ends.rowBias) {
            left[i] = hn::Add(left[i], hn::Set(d, ends.rowBias[i]));
            right[i] = hn::Add(right[i], hn::Set(d, ends.rowBias[i]));
        }
        hn::StoreU(left[i], d, c + i * cStride);
        hn::StoreU(right[i], d, c + i * cStride + lanes);
    }
}

/// A tile of `columns` columns. The last panel's columns are computed in a buffer of a whole tile.
template <int Rows> void tile(const float* a, const float* b, std::int64_t terms, float* c, std::int64_t cStride,
                              std::int64_t columns, const TileEnds& ends) {
    constexpr std::size_t kMaxWidth = 2 * hn::MaxLanes(F32());
    const std::int64_t width = panelWidth();
    if (columns == width)
        return fullTile<Rows>(a, b, terms, c, cStride, ends);
    HWY_ALIGN float whole[Rows * kMaxWidth] = {};
    HWY_ALIGN float bias[kMaxWidth] = {};
    const std::size_t bytes = static_cast<std::size_t>(columns) * sizeof(float);
    TileEnds inner = ends;
    if (ends.columnBias) {
        std::memcpy(bias, ends.columnBias, bytes);
        inner.columnBias = bias;
    }
    for (int i = 0; !ends.first && i < Rows; ++i)
        std::memcpy(whole + i * width, c + i * cStride, bytes);
    fullTile<Rows>(a, b, terms, whole, width, inner);
    for (int i = 0; i < Rows; ++i)
        std::memcpy(c + i * cStride, whole + i * width, bytes);
}

template <int Rows = kTileRows> void tileOf(std::int64_t rows, const float* a, const float* b, std::int64_t terms,
                                            float* c, std::int64_t cStride, std::int64_t columns,
                                            const TileEnds& ends) {
    if (rows == Rows)
        return tile<Rows>(a, b, terms, c, cStride, columns, ends);
    if constexpr (Rows > 1)
        tileOf<Rows - 1>(rows, a, b, terms, c, cStride, columns, ends);
}

struct Block {
    std::int64_t row, rows, column, columns, k0, k1;
};

void multiplyBlock(const SgemmJob& job, const Block& block, const float* a, const float* b) {
    const std::int64_t terms = block.k1 - block.k0, width = panelWidth();
    const bool last = block.k1 == job.terms;
    for (std::int64_t j = 0; j < block.columns; j += width) {
        const std::int64_t columns = std::min(width, block.columns - j);
        for (std::int64_t number = 0, i = 0; i < block.rows; ++number) {
            const std::int64_t next = tileBegin(block.rows, number + 1);
            const TileEnds ends{block.k0 == 0, last && job.rowBias ? job.rowBias + block.row + i : nullptr,
                                last && job.columnBias ? job.columnBias + block.column + j : nullptr};
            float* c = job.c + (block.row + i) * job.cStride + block.column + j;
            tileOf(next - i, a + i * terms, b + j * terms, terms, c, job.cStride, columns, ends);
            i = next;
        }
    }
}

void Multiply(const SgemmJob& job, const SgemmPart& part, float* aBlock, float* bBlock) {
    const std::int64_t width = panelWidth();
    for (std::int64_t n0 = part.columnBegin; n0 < part.columnEnd; n0 += kColumnBlock) {
        const std::int64_t n1 = std::min(part.columnEnd, n0 + kColumnBlock);
        std::int64_t k0 = 0;
        do { // runs once where there are no terms, so that the sums become 0
            const std::int64_t k1 = std::min(job.terms, k0 + kTermBlock);
            if (job.source) {
                job.source->fill(k0, k1, n0, n1, width, bBlock);
            } else {
                for (std::int64_t n = n0; n < n1; n += width)
                    packPanel(job.b, n, std::min(width, n1 - n), k0, k1, width, bBlock + (n - n0) * (k1 - k0));
            }
            for (std::int64_t m0 = part.rowBegin; m0 < part.rowEnd; m0 += kRowBlock) {
                const std::int64_t rows = std::min(part.rowEnd - m0, kRowBlock);
                if (!job.packedRows)
                    packRowBlock(job.a, m0, rows, k0, k1, aBlock);
                const float* a = job.packedRows ? job.packedRows + job.rows * k0 + m0 * (k1 - k0) : aBlock;
                multiplyBlock(job, {m0, rows, n0, n1 - n0, k0, k1}, a, bBlock);
            }
            k0 = k1;
        } while (k0 < job.terms);
    }
}

void PackRows(const SgemmOperand& a, std::int64_t rows, std::int64_t terms, float* to) {
    for (std::int64_t k0 = 0; k0 < terms; k0 += kTermBlock) {
        const std::int64_t k1 = std::min(terms, k0 + kTermBlock);
        for (std::int64_t m0 = 0; m0 < rows; m0 += kRowBlock)
            packRowBlock(a, m0, std::min(rows - m0, kRowBlock), k0, k1, to + rows * k0 + m0 * (k1 - k0));
    }
}

} // namespace fxp::quant::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <hwy/aligned_allocator.h>

namespace fxp::quant {

HWY_EXPORT(Multiply);
HWY_EXPORT(PackRows);

namespace {

/// Room for one block of each operand, kept by the thread: fresh pages cost more than the packing.
struct Blocks {
    // A panel may be wider than the columns that are left.
    static constexpr std::size_t kFloats = 256 * (512 + 64);
    hwy::AlignedFreeUniquePtr<float[]> a = hwy::AllocateAligned<float>(kFloats);
    hwy::AlignedFreeUniquePtr<float[]> b = hwy::AllocateAligned<float>(kFloats);
};

} // namespace

void sgemm(const SgemmJob& job, const SgemmPart& part) {
    thread_local const Blocks blocks;
    HWY_DYNAMIC_DISPATCH(Multiply)(job, part, blocks.a.get(), blocks.b.get());
}

void sgemm(const SgemmJob& job) {
    const std::int64_t work = job.rows * job.columns * std::max<std::int64_t>(job.terms, 1);
    const std::int64_t most = std::min<std::int64_t>(at::get_num_threads(), work / kSgemmWorkPerThread);
    const bool byRows = job.rows >= job.columns && !job.packedRows;
    const std::int64_t length = byRows ? job.rows : job.columns, step = byRows ? 12 : 64;
    const std::int64_t steps = (length + step - 1) / step, parts = std::clamp<std::int64_t>(most, 1, steps);
    if (job.rows == 0 || job.columns == 0)
        return;
    at::parallel_for(0, parts, 1, [&](std::int64_t first, std::int64_t last) {
        const std::int64_t begin = std::min(steps * first / parts * step, length);
        const std::int64_t end = std::min(steps * last / parts * step, length);
        if (byRows)
            sgemm(job, {begin, end, 0, job.columns});
        else
            sgemm(job, {0, job.rows, begin, end});
    });
}

std::vector<float> packRows(const SgemmOperand& a, std::int64_t rows, std::int64_t terms) {
    std::vector<float> packed(static_cast<std::size_t>(rows * terms));
    HWY_DYNAMIC_DISPATCH(PackRows)(a, rows, terms, packed.data());
    return packed;
}

} // namespace fxp::quant
#endif
