#pragma once

#include "quant/core/exact_product.h"
#include "quant/core/rounding.h"
#include "quant/core/wide_integer.h"

#include <span>

namespace fxp::quant {

/// One format that sums are brought into, with what its elements need.
class SumStage {
  public:
    /// `shape`: of the sums. `firstIndex`: of the first of them, for STOCHASTIC. Throws Error when the format has
    /// channels that they have not.
    SumStage(const QType& type, std::uint64_t seed, std::int64_t firstIndex, std::span<const std::int64_t> shape,
             const char* where);

    /// Whether float64 holds every integer of the format, so that `quantize` below may be called.
    bool fitsDouble() const;

    /// Brings exact sums in float64 into the format, in place, exactly: element `index` of the tensor and those after
    /// it. Non-finite ones as quantize() does.
    void quantize(std::span<double> values, std::int64_t index, SumOverflow& overflow) const;
    /// One exact sum of any width. Returns the exact result; that of a scaled format is a float64.
    Exact quantize(const Exact& value, std::int64_t index, SumOverflow& overflow) const;
    /// One float32 value as quantize() takes it.
    float quantize(float value, std::int64_t index, SumOverflow& overflow) const;

    const QType& type() const { return m_type; }

  private:
    double draw(std::int64_t index) const;
    std::size_t channel(std::int64_t index) const;

    QType m_type;
    Limits m_limits;
    std::uint64_t m_seed;
    std::int64_t m_firstIndex, m_channelStride = 1;
};

} // namespace fxp::quant
