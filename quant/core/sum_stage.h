#pragma once

#include "quant/core/exact_product.h"
#include "quant/core/rounding.h"
#include "quant/core/wide_integer.h"

#include <span>

namespace fxp::quant {

/// Quantizes sums to one format; holds what it needs for that, computed once.
class SumStage {
  public:
    /// `shape`: the sums' shape. `firstIndex`: the index of the first sum, which STOCHASTIC draws by. Throws Error when
    /// the format has channels that do not fit the shape.
    SumStage(const QType& type, std::uint64_t seed, std::int64_t firstIndex, std::span<const std::int64_t> shape,
             const char* where);

    /// Whether float64 holds every integer of the format, so that `quantize` below may be called.
    bool fitsDouble() const;

    /// Quantizes exact sums in float64, in place and exactly: element `index` of the tensor and those after it. Sums
    /// that are not finite give what quantize() gives.
    void quantize(std::span<double> values, std::int64_t index, SumOverflow& overflow) const;
    /// Quantizes one exact sum of any width. Returns the exact result; that of a scaled format is a float64.
    Exact quantize(const Exact& value, std::int64_t index, SumOverflow& overflow) const;
    /// Quantizes one float32 value as quantize() does.
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
