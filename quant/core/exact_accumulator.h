#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fxp::quant {

/// A sum of float64 values in which nothing is rounded: a fixed-point number with a bit for every bit that a finite
/// double can have. Neither the order nor the grouping of what is added can change it. (Kulisch, "Computer Arithmetic
/// and Validity", de Gruyter 2013, chapter 8.)
class ExactAccumulator {
  public:
    void add(double value);
    /// The same as to add all that was added to `other`.
    void add(const ExactAccumulator& other);

    /// The sum, rounded once: to nearest, ties to even. ±Inf or NaN where such values were added, as + would have it;
    /// ±Inf where the sum is beyond float64.
    double value() const;
    /// Reads as the float64 number that it is nearest to.
    operator double() const { return value(); }

    /// Whether the sums are equal to the last bit; NaN equals NaN.
    bool operator==(const ExactAccumulator& other) const;

  private:
    /// 2^-1074 … 2^1023, and 2^78 summands of that magnitude.
    static constexpr std::size_t kLimbs = 34;

    void addAt(std::size_t limb, std::uint64_t word);
    void subtractAt(std::size_t limb, std::uint64_t word);

    std::array<std::uint64_t, kLimbs> m_limbs{}; ///< two's complement, the least limb first, in units of 2^-1074
    double m_special = 0;                        ///< the sum of what was not finite
};

} // namespace fxp::quant
