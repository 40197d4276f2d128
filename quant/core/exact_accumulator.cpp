#include "quant/core/exact_accumulator.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fxp::quant {

namespace {

constexpr int kWord = 64;
constexpr int kMantissaBits = 52;
constexpr int kLeastExponent = -1074; ///< of the last bit

} // namespace

void ExactAccumulator::add(const ExactAccumulator& other) {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < kLimbs; ++i) {
        const std::uint64_t sum = m_limbs[i] + carry;
        carry = sum < carry;
        m_limbs[i] = sum + other.m_limbs[i];
        carry += m_limbs[i] < sum;
    }
    m_special += other.m_special;
}

double ExactAccumulator::value() const {
    if (m_special != 0) // NaN is not 0 either
        return m_special;
    const bool negative = m_limbs.back() >> (kWord - 1) != 0;
    ExactAccumulator magnitude;
    if (negative) {
        for (std::size_t i = 0; i < kLimbs; ++i)
            magnitude.subtractAt(i, m_limbs[i]);
    } else {
        magnitude = *this;
    }
    const auto& limbs = magnitude.m_limbs;
    std::size_t top = kLimbs;
    while (top > 0 && limbs[top - 1] == 0)
        --top;
    if (top == 0)
        return 0;
    --top;
    // The 64 bits from the highest set one on; what lies below only decides ties.
    const int shift = std::countl_zero(limbs[top]);
    std::uint64_t word = limbs[top] << shift;
    bool sticky = false; // whether anything does
    if (top > 0) {
        if (shift > 0)
            word |= limbs[top - 1] >> (kWord - shift);
        sticky = limbs[top - 1] << shift != 0 ||
                 std::any_of(limbs.begin(), limbs.begin() + static_cast<std::ptrdiff_t>(top) - 1,
                             [](std::uint64_t limb) { return limb != 0; });
    }
    const int exponent = kLeastExponent + static_cast<int>(top) * kWord - shift; // of the word's last bit
    // 53 bits are kept. A number with fewer ends at 2^-1074, so that nothing is cut off a denormal.
    constexpr int kCut = kWord - kMantissaBits - 1;
    constexpr std::uint64_t kHalf = std::uint64_t{1} << (kCut - 1);
    const std::uint64_t rest = word & ((std::uint64_t{1} << kCut) - 1);
    std::uint64_t kept = word >> kCut;
    if (rest > kHalf || (rest == kHalf && (sticky || (kept & 1) != 0)))
        ++kept;
    const double result = std::ldexp(static_cast<double>(kept), exponent + kCut);
    return negative ? -result : result;
}

bool ExactAccumulator::operator==(const ExactAccumulator& other) const {
    return m_limbs == other.m_limbs &&
           (m_special == other.m_special || (std::isnan(m_special) && std::isnan(other.m_special)));
}

} // namespace fxp::quant
