#pragma once

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// One operand of a product, read in place: term k of row (or column) i is data[i · indexStride + k · termStride].
struct SgemmOperand {
    const float* data = nullptr;
    std::int64_t indexStride = 0, termStride = 0;
};

/// Columns that are put together block by block instead of read from one matrix: a convolution's patches.
class SgemmColumns {
  public:
    virtual ~SgemmColumns() = default;

    /// Writes terms k0…k1 of the columns n0…n1 in panels of `width` columns: term k of column n goes to
    /// panels[((n − n0) / width · (k1 − k0) + k − k0) · width + (n − n0) mod width]. Zeros fill the last panel.
    virtual void fill(std::int64_t k0, std::int64_t k1, std::int64_t n0, std::int64_t n1, std::int64_t width,
                      float* panels) const = 0;
};

/// c = a · b (+ bias). c: [rows, columns], its rows cStride apart.
struct SgemmJob {
    std::int64_t rows = 0, columns = 0, terms = 0;
    SgemmOperand a, b;
    const SgemmColumns* source = nullptr; ///< takes the place of b
    const float* packedRows = nullptr;    ///< takes the place of a: from packRows
    const float* rowBias = nullptr;
    const float* columnBias = nullptr;
    float* c = nullptr;
    std::int64_t cStride = 0;
};

/// A rectangle of the result.
struct SgemmPart {
    std::int64_t rowBegin = 0, rowEnd = 0, columnBegin = 0, columnEnd = 0;
};

/// Computes one rectangle on this thread. Every element is s ← fma(a_k, b_k, s) over k ascending from s = 0, then s +
/// bias. Between two blocks of terms the partial sum is stored in c, as the float32 number that it was in the register.
/// The vectors run over columns, so neither their width nor the rectangle changes a bit. With packedRows, rowBegin is 0
/// and rowEnd is `rows`.
void sgemm(const SgemmJob& job, const SgemmPart& part);

/// All of the result, on as many threads as its work is worth.
void sgemm(const SgemmJob& job);

/// The rows of `a` in the order in which sgemm reads them, for a matrix that many products share.
std::vector<float> packRows(const SgemmOperand& a, std::int64_t rows, std::int64_t terms);

/// The number of multiplications and additions from which a further thread is worth its start.
constexpr std::int64_t kSgemmWorkPerThread = 1 << 20;

} // namespace fxp::quant
