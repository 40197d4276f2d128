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
    /// Adds the other sum, with the result that adding each of its summands would give.
    void add(const ExactAccumulator& other);

    /// The sum, rounded once: to nearest, ties to even. ±Inf or NaN where such values were added, as the operator +
    /// gives them; ±Inf where the sum is too large for float64.
    double value() const;
    /// value(), so that the sum can stand where a float64 number does.
    operator double() const { return value(); }

    /// Whether the sums are equal to the last bit; NaN equals NaN.
    bool operator==(const ExactAccumulator& other) const;

  private:
    /// Enough bits for 2^78 summands of the magnitudes 2^-1074 … 2^1023.
    static constexpr std::size_t kLimbs = 34;

    /// Add to a limb or subtract from it, with the carry into the limbs above.
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
