#include "quant/core/qtype.h"

#include "quant/core/error.h"

#include <cmath>

namespace fxp::quant {

double QType::lsb() const {
    return std::ldexp(1.0, -*fractionalBits);
}

double QType::lowest() const {
    if (overflow == Overflow::SaturateSymmetric)
        return -highest();
    return -std::ldexp(1.0, *totalBits - 1 - *fractionalBits);
}

double QType::highest() const {
    return std::ldexp(1.0, *totalBits - 1 - *fractionalBits) - lsb();
}

void validate(const QType& type, const std::string& where) {
    if (type.totalBits && (*type.totalBits < kMinTotalBits || *type.totalBits > kMaxTotalBits))
        throw Error(where, "total_bits is " + std::to_string(*type.totalBits), "use 2 to 64 bits, or null for float");
    if (type.fractionalBits && std::abs(*type.fractionalBits) > kMaxFractionalBits)
        throw Error(where, "fractional_bits is " + std::to_string(*type.fractionalBits), "use -512 to 512");
}

std::string_view name(Rounding rounding) {
    switch (rounding) {
    case Rounding::Round: return "ROUND";
    case Rounding::Trunc: return "TRUNC";
    case Rounding::Floor: return "FLOOR";
    case Rounding::Ceil: return "CEIL";
    case Rounding::RoundHalfUp: return "ROUND_HALF_UP";
    case Rounding::RoundHalfDown: return "ROUND_HALF_DOWN";
    case Rounding::RoundHalfAway: return "ROUND_HALF_AWAY";
    case Rounding::RoundHalfZero: return "ROUND_HALF_ZERO";
    case Rounding::Stochastic: return "STOCHASTIC";
    }
    return {};
}

std::string_view name(Overflow overflow) {
    switch (overflow) {
    case Overflow::Saturate: return "SATURATE";
    case Overflow::SaturateSymmetric: return "SATURATE_SYMMETRIC";
    case Overflow::SaturateZero: return "SATURATE_ZERO";
    case Overflow::Wrap: return "WRAP";
    }
    return {};
}

std::string methodName(const QType& type) {
    return std::string(name(type.rounding)) + "_" + std::string(name(type.overflow));
}

bool parseMethod(std::string_view text, QType& type) {
    for (const Rounding rounding : kRoundings) {
        for (const Overflow overflow : kOverflows) {
            if (text == std::string(name(rounding)) + "_" + std::string(name(overflow))) {
                type.rounding = rounding;
                type.overflow = overflow;
                return true;
            }
        }
    }
    return false;
}

std::optional<int> fxpytorchMethod(const QType& type) {
    if (type.overflow != Overflow::Saturate)
        return std::nullopt;
    if (type.rounding == Rounding::Trunc)
        return 1;
    if (type.rounding == Rounding::Round)
        return 2;
    return std::nullopt;
}

} // namespace fxp::quant
