#include "quant/core/kernels/functions_kernel.h"
#include "quant/core/wide_integer.h"

#include <array>
#include <cmath>
#include <limits>

namespace fxp::quant {

Quarters reduceLargeAngle(double angle) {
    if (!std::isfinite(angle))
        return {std::numeric_limits<double>::quiet_NaN(), 0};
    // The bits of 2/π behind the binary point, after 64 zeros.
    constexpr std::array<std::uint64_t, 6> kTwoOverPi = {
        0, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0};
    constexpr int kMantissaBits = 24;
    using Unsigned = unsigned __int128;
    int exponent = 0;
    const double mantissa = std::frexp(std::abs(angle), &exponent);
    const auto integer = static_cast<std::uint64_t>(std::ldexp(mantissa, kMantissaBits));
    exponent -= kMantissaBits;
    // angle · (2/π) / 4 modulo 1, in units of 2^−128: bits of 2/π that stand for whole turns drop out.
    const int first = 64 + exponent - 2;
    const auto word = static_cast<std::size_t>(first / 64);
    const int shift = first % 64;
    Unsigned bits = static_cast<Unsigned>(kTwoOverPi[word]) << 64 | kTwoOverPi[word + 1];
    if (shift > 0)
        bits = bits << shift | kTwoOverPi[word + 2] >> (64 - shift);
    const Unsigned turns = bits * integer;
    const Unsigned quarters = (turns + (Unsigned{1} << 125)) >> 126;
    const auto rest = static_cast<Int128>(turns - (quarters << 126));
    constexpr double kHalfPi = 0x1.921fb54442d18p+0;
    const double radians = std::ldexp(static_cast<double>(rest), -126) * kHalfPi;
    const auto whole = static_cast<std::int64_t>(quarters);
    return angle < 0 ? Quarters{-radians, (4 - whole) & 3} : Quarters{radians, whole & 3};
}

} // namespace fxp::quant
