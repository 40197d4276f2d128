#pragma once

#include <array>
#include <bit>
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

    /// Adds to a limb, or takes from it, and lets the carry run on.
    void addAt(std::size_t limb, std::uint64_t word) {
        for (; word != 0 && limb < kLimbs; ++limb) {
            m_limbs[limb] += word;
            word = m_limbs[limb] < word;
        }
    }
    void subtractAt(std::size_t limb, std::uint64_t word) {
        for (; word != 0 && limb < kLimbs; ++limb) {
            const std::uint64_t before = m_limbs[limb];
            m_limbs[limb] = before - word;
            word = before < word;
        }
    }

    std::array<std::uint64_t, kLimbs> m_limbs{}; ///< two's complement, the least limb first, in units of 2^-1074
    double m_special = 0;                        ///< the sum of what was not finite
};

inline void ExactAccumulator::add(double value) {
    constexpr int kMantissaBits = 52, kExponentMask = 0x7FF, kWord = 64;
    constexpr std::uint64_t kHidden = std::uint64_t{1} << kMantissaBits;
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const int exponent = static_cast<int>(bits >> kMantissaBits) & kExponentMask;
    if (exponent == kExponentMask) {
        m_special += value;
        return;
    }
    const std::uint64_t mantissa = (bits & (kHidden - 1)) | (exponent > 0 ? kHidden : 0);
    const int position = exponent > 0 ? exponent - 1 : 0; // of the mantissa's last bit: denormals share exponent 1's
    const auto limb = static_cast<std::size_t>(position / kWord);
    const int shift = position % kWord;
    const std::uint64_t low = mantissa << shift, high = mantissa >> 1 >> (kWord - 1 - shift);
    if (bits >> (kWord - 1) != 0) {
        subtractAt(limb, low);
        subtractAt(limb + 1, high);
    } else {
        addAt(limb, low);
        addAt(limb + 1, high);
    }
}

} // namespace fxp::quant
