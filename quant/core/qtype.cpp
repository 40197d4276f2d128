#include "quant/core/qtype.h"

#include "quant/core/error.h"

#include <algorithm>
#include <cmath>

namespace fxp::quant {

double QType::lsb() const {
    if (affine)
        return *std::ranges::max_element(affine->scale);
    return std::ldexp(1.0, -*fractionalBits);
}

namespace {

/// The least or greatest over the channels of (integer − zero point) · scale.
template <class Better> double extreme(const Affine& affine, double integer, Better better) {
    double best = (integer - static_cast<double>(affine.zeroPoint[0])) * affine.scale[0];
    for (std::size_t i = 1; i < affine.scale.size(); ++i)
        best = better(best, (integer - static_cast<double>(affine.zeroPoint[i])) * affine.scale[i]);
    return best;
}

} // namespace

double QType::lowest() const {
    if (affine) {
        const double half = std::ldexp(1.0, *totalBits - 1);
        const double integer = overflow == Overflow::SaturateSymmetric ? 1 - half : -half;
        return extreme(*affine, integer, [](double a, double b) { return std::min(a, b); });
    }
    if (overflow == Overflow::SaturateSymmetric)
        return -highest();
    return -std::ldexp(1.0, *totalBits - 1 - *fractionalBits);
}

double QType::highest() const {
    if (affine)
        return extreme(*affine, std::ldexp(1.0, *totalBits - 1) - 1, [](double a, double b) { return std::max(a, b); });
    return std::ldexp(1.0, *totalBits - 1 - *fractionalBits) - lsb();
}

QType QType::withPoint(int total, int fraction) const {
    return {total, fraction, rounding, overflow, std::nullopt};
}

void validate(const QType& type, const std::string& where) {
    if (type.totalBits && (*type.totalBits < kMinTotalBits || *type.totalBits > kMaxTotalBits))
        throw Error(where, "total_bits is " + std::to_string(*type.totalBits), "use 2 to 64 bits, or null for float");
    if (type.fractionalBits && std::abs(*type.fractionalBits) > kMaxFractionalBits)
        throw Error(where, "fractional_bits is " + std::to_string(*type.fractionalBits), "use -512 to 512");
    if (!type.affine)
        return;
    const Affine& affine = *type.affine;
    if (type.fractionalBits)
        throw Error(where, "both fractional_bits and a scale are given", "give one of them");
    if (affine.scale.empty() || affine.scale.size() != affine.zeroPoint.size() ||
        (!affine.perChannel() && affine.scale.size() != 1))
        throw Error(where, "the counts of scales and zero points do not fit", "give one of each per channel");
    for (const double scale : affine.scale) {
        if (!(scale > 0) || !std::isfinite(scale))
            throw Error(where, "a scale is not positive and finite", "give positive scales");
    }
    if (!type.totalBits)
        return;
    const double half = std::ldexp(1.0, *type.totalBits - 1);
    for (const std::int64_t zero : affine.zeroPoint) {
        if (static_cast<double>(zero) < -half || static_cast<double>(zero) >= half)
            throw Error(where, "the zero point " + std::to_string(zero) + " does not fit the total bits",
                        "give one of the format's integers");
    }
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
