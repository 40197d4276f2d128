#include "quant/core/integer_bits.h"

#include "quant/core/error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fxp::quant {

namespace {

constexpr int kUnbounded = std::numeric_limits<int>::min();

/// ⌈log2 a⌉ of a > 0.
int ceilLog2(double a) {
    int exponent = 0;
    return std::frexp(a, &exponent) == 0.5 ? exponent - 1 : exponent;
}

/// The least k with a + 2^slack ≤ 2^k, for a ≥ 2^slack or slack below k: in a = m·2^e the difference 2^e − a = 2^e (1 −
/// m) is exact, and 2^(e+1) always suffices.
int ceilLog2WithSlack(double a, int slackBelow, bool relative) {
    int exponent = 0;
    const double mantissa = std::frexp(a, &exponent);
    const double slack = std::ldexp(1.0, relative ? slackBelow : slackBelow - exponent);
    return 1 - mantissa >= slack ? exponent : exponent + 1;
}

int positiveBits(double high, const QType& type) {
    if (!(high > 0))
        return kUnbounded;
    if (type.totalBits) // M ≤ 2^k (1 − 2^(1−T))
        return ceilLog2WithSlack(high, 1 - *type.totalBits, true) + 1;
    const int fraction = *type.fractionalBits;
    if (high < std::ldexp(1.0, -fraction))
        return 2 - fraction;
    return ceilLog2WithSlack(high, -fraction, false) + 1; // M + 2^−F ≤ 2^k
}

} // namespace

void ValueRange::include(const ValueRange& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
}

int integerBits(const ValueRange& range, const QType& type, const std::string& where) {
    if (!std::isfinite(range.low) || !std::isfinite(range.high))
        throw Error(where, "the tensor's range is not finite", "look at the samples or the float model");
    if (type.isFloat())
        throw Error(where, "neither total_bits nor fractional_bits is given", "give one of them");
    if (range.low == 0 && range.high == 0)
        return type.totalBits ? *type.totalBits - 24 : 2 - *type.fractionalBits;
    // Where −2^(T−1) never occurs, the least value is as far from zero as the greatest.
    const int negative = type.overflow == Overflow::SaturateSymmetric ? positiveBits(-range.low, type)
                         : range.low < 0                              ? ceilLog2(-range.low) + 1
                                                                      : kUnbounded;
    return std::max(negative, positiveBits(range.high, type));
}

QType noOverflow(const ValueRange& range, const QType& given, const std::string& where) {
    if (given.isFloat())
        return given;
    QType result = given;
    const int bits = integerBits(range, given, where);
    if (given.totalBits)
        result.fractionalBits = *given.totalBits - bits;
    else
        result.totalBits = std::clamp(*given.fractionalBits + bits, kMinTotalBits, kMaxTotalBits);
    return result;
}

QType highPrecision(const ValueRange& range, const QType& given, const std::string& where) {
    QType result = given;
    result.totalBits.reset();
    result.fractionalBits = 24;
    return noOverflow(range, result, where);
}

} // namespace fxp::quant
