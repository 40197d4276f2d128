// Functions of float64 vectors, from +, −, ×, ÷ and square root alone. Included once per target, by
// functions_kernel.cpp; relative errors are below 2^−37, far below what rounding to float32 can show. Arguments come
// from float32.

#if defined(FXP_FLOAT64_FUNCTIONS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FXP_FLOAT64_FUNCTIONS_INL
#undef FXP_FLOAT64_FUNCTIONS_INL
#else
#define FXP_FLOAT64_FUNCTIONS_INL
#endif

#include "quant/core/kernels/functions_kernel.h"

#include <hwy/highway.h>

#include <cstddef>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace fxp::quant::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F64 = hn::CappedTag<double, 8>;
using U64 = hn::RebindToUnsigned<F64>;
using VD = hn::Vec<F64>;
using VU = hn::Vec<U64>;

HWY_INLINE VD number(double value) {
    return hn::Set(F64(), value);
}

HWY_INLINE VD infinity() {
    return number(std::numeric_limits<double>::infinity());
}

HWY_INLINE VD notANumber() {
    return number(std::numeric_limits<double>::quiet_NaN());
}

// Products and sums are separate operations throughout: a fused one rounds once less, and not every target has it.

HWY_INLINE VD pairs(VD, VD, double c0) {
    return number(c0);
}
HWY_INLINE VD pairs(VD x, VD, double c0, double c1) {
    return hn::Add(hn::Mul(x, number(c1)), number(c0));
}
template <class... Rest> HWY_INLINE VD pairs(VD x, VD square, double c0, double c1, double c2, Rest... rest) {
    return hn::Add(hn::Mul(square, pairs(x, square, c2, rest...)), pairs(x, square, c0, c1));
}

/// c0 + c1·x + c2·x² + …, by pairs of terms: half as many operations wait for each other as in Horner's scheme.
template <class... Coefficients> HWY_INLINE VD polynomial(VD x, Coefficients... coefficients) {
    return pairs(x, hn::Mul(x, x), coefficients...);
}

/// Adding it leaves the nearest integer in the lowest bits of a float64.
constexpr double kToInteger = 0x1.8p52;

/// e^x for x clamped to [−708, 709]. Undefined for NaN.
HWY_INLINE VD expOf(VD x) {
    constexpr double kLog2E = 0x1.71547652b82fep+0, kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
    constexpr double kBias = 1023;
    const VD bounded = hn::Min(hn::Max(x, number(-708)), number(709));
    const VD shifted = hn::Add(hn::Mul(bounded, number(kLog2E)), number(kToInteger + kBias));
    const VD n = hn::Sub(shifted, number(kToInteger + kBias));
    const VD r = hn::Sub(hn::Sub(bounded, hn::Mul(n, number(kLn2High))), hn::Mul(n, number(kLn2Low)));
    // Fitted at Chebyshev's points of |r| ≤ ln 2 / 2: within 2^−43, and 1 at 0.
    const VD p =
        polynomial(r, 1.0, 1.0, 0.4999999999995475, 0.16666666666662555, 0.04166666678698556, 0.008333333344268395,
                   0.0013888838910996056, 0.00019841224418291943, 2.4868002978056962e-05, 2.7617685465165067e-06);
    const VD power = hn::BitCast(F64(), hn::ShiftLeft<52>(hn::BitCast(U64(), shifted)));
    return hn::Mul(p, power);
}

/// 2 · artanh(s) = log((1 + s) / (1 − s)) for |s| ≤ 1/3.
HWY_INLINE VD twiceArtanh(VD s) {
    const VD series = polynomial(hn::Mul(s, s), 1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15,
                                 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23);
    return hn::Mul(hn::Add(s, s), series);
}

/// log(1 + x) for x in [0, 1].
HWY_INLINE VD log1pOf(VD x) {
    return twiceArtanh(hn::Div(x, hn::Add(x, number(2))));
}

HWY_INLINE VD logOf(VD x) {
    constexpr double kLn2 = 0x1.62e42fefa39efp-1, kSqrtHalf = 0x1.6a09e667f3bcdp-1, kTwo52 = 0x1p52;
    const F64 d;
    const U64 du;
    const auto bitsOf = [&](double value) { return hn::BitCast(du, number(value)); };
    // x = m · 2^e with m in [√½, √2).
    const VU offset = hn::Sub(bitsOf(1.0), bitsOf(kSqrtHalf));
    const VU moved = hn::Add(hn::BitCast(du, x), offset);
    const VU biased = hn::ShiftRight<52>(moved);
    const VD e = hn::Sub(hn::BitCast(d, hn::Or(biased, bitsOf(kTwo52))), number(kTwo52 + 1023));
    const VU fraction = hn::And(moved, hn::Set(du, (std::uint64_t{1} << 52) - 1));
    const VD m = hn::BitCast(d, hn::Add(fraction, bitsOf(kSqrtHalf)));
    const VD f = hn::Sub(m, number(1));
    VD y = hn::Add(hn::Mul(e, number(kLn2)), twiceArtanh(hn::Div(f, hn::Add(f, number(2)))));
    y = hn::IfThenElse(hn::Eq(x, number(0)), hn::Neg(infinity()), y);
    y = hn::IfThenElse(hn::Lt(x, number(0)), notANumber(), y);
    return hn::IfThenElse(hn::Eq(x, infinity()), x, y);
}

/// e^(z²) · erfc(z) for z in [0, 10.6], greater ones taken as 10.6: a polynomial in (z − c) / (z + c) over z + c,
/// fitted at Chebyshev's points. (Form: Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x",
/// 1981.)
HWY_INLINE VD scaledErfc(VD z) {
    constexpr double kC = 3.75;
    const VD bounded = hn::Min(z, number(10.6));
    const VD inverse = hn::Div(number(1), hn::Add(bounded, number(kC)));
    const VD t = hn::Mul(hn::Sub(bounded, number(kC)), inverse);
    const VD p = polynomial(t, 1.0919229095630907, -0.9587415766588262, 0.7363189251541902, -0.49047029074023984,
                            0.27906205175351606, -0.1319554107107614, 0.049118734076923846, -0.012535810121829008,
                            0.00098669699166544, 0.0007946986662813473, -0.0003500778001826146, 9.959004804748973e-06,
                            3.987493201214215e-05, -6.443451040429785e-06, -3.988683513932902e-06);
    return hn::Mul(p, inverse);
}

HWY_INLINE VD erfOf(VD x) {
    const VD a = hn::Abs(x), square = hn::Mul(x, x); // exact: x has 24 bits
    const VD far = hn::Sub(number(1), hn::Mul(scaledErfc(a), expOf(hn::Neg(square))));
    constexpr double kTwoOverSqrtPi = 0x1.20dd750429b6dp+0;
    const VD series = polynomial(square, 1.0, -1.0 / 3, 1.0 / 10, -1.0 / 42, 1.0 / 216, -1.0 / 1320, 1.0 / 9360);
    const VD near = hn::Mul(hn::Mul(x, number(kTwoOverSqrtPi)), series);
    return hn::IfThenElse(hn::Lt(a, number(0.25)), near, hn::CopySign(far, x));
}

HWY_INLINE VD tanhOf(VD x) {
    const VD a = hn::Abs(x), square = hn::Mul(x, x);
    const VD e = expOf(hn::Mul(a, number(-2)));
    const VD far = hn::Div(hn::Sub(number(1), e), hn::Add(number(1), e));
    const VD near = hn::Mul(x, polynomial(square, 1.0, -1.0 / 3, 2.0 / 15));
    return hn::IfThenElse(hn::Lt(a, number(0x1p-7)), near, hn::CopySign(far, x));
}

HWY_INLINE VD sigmoidOf(VD x) {
    return hn::Div(number(1), hn::Add(number(1), expOf(hn::Neg(x))));
}

/// x · sigmoid(scale), where `scale` has the sign of x. −∞ gives NaN, as −∞ · 0 does.
HWY_INLINE VD gated(VD x, VD scale) {
    const VD y = hn::Div(x, hn::Add(number(1), expOf(hn::Neg(scale))));
    return hn::IfThenElse(hn::Eq(x, hn::Neg(infinity())), notANumber(), y);
}

HWY_INLINE VD geluOf(VD x) {
    constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1;
    const VD a = hn::Abs(x);
    const VD halfSquare = hn::Mul(hn::Mul(x, x), number(0.5));
    // Half of erfc(|x| / √2): 1 − Φ(x) for positive x, and Φ(x) for negative x.
    const VD tail =
        hn::Mul(hn::Mul(scaledErfc(hn::Mul(a, number(kSqrtHalf))), number(0.5)), expOf(hn::Neg(halfSquare)));
    const VD share = hn::IfThenElse(hn::Lt(x, number(0)), tail, hn::Sub(number(1), tail));
    return hn::IfThenElse(hn::Eq(x, hn::Neg(infinity())), notANumber(), hn::Mul(x, share));
}

HWY_INLINE VD geluTanhOf(VD x) {
    constexpr double kTwiceSqrtTwoOverPi = 0x1.9884533d43651p+0;
    const VD cube = hn::Mul(hn::Mul(x, x), x);
    return gated(x, hn::Mul(number(kTwiceSqrtTwoOverPi), hn::Add(x, hn::Mul(number(0.044715), cube))));
}

HWY_INLINE VD softplusOf(VD x, const SoftplusShape& shape) {
    const VD scaled = hn::Mul(x, number(shape.beta));
    const VD soft = hn::Add(hn::Max(scaled, number(0)), log1pOf(expOf(hn::Neg(hn::Abs(scaled)))));
    return hn::IfThenElse(hn::Gt(scaled, number(shape.threshold)), x, hn::Div(soft, number(shape.beta)));
}

/// sin(x + shift · π/2), with shift 0 or 1.
HWY_INLINE VD sineOf(VD x, std::uint64_t shift) {
    constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1, kLargest = 0x1p20;
    // π/2 in parts of 33 bits: n · part is exact.
    constexpr double kFirst = 0x1.921fb54400000p+0, kSecond = 0x1.0b4611a600000p-34, kThird = 0x1.3198a2e037073p-69;
    const F64 d;
    const U64 du;
    const VD shifted = hn::Add(hn::Mul(x, number(kTwoOverPi)), number(kToInteger));
    const VD n = hn::Sub(shifted, number(kToInteger));
    VD r = hn::Sub(hn::Sub(hn::Sub(x, hn::Mul(n, number(kFirst))), hn::Mul(n, number(kSecond))),
                   hn::Mul(n, number(kThird)));
    VU quarters = hn::BitCast(du, shifted);
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Le(hn::Abs(x), number(kLargest))))) {
        constexpr std::size_t kMaxLanes = hn::MaxLanes(F64());
        HWY_ALIGN double angles[kMaxLanes], rests[kMaxLanes];
        HWY_ALIGN std::uint64_t counts[kMaxLanes];
        hn::Store(x, d, angles);
        hn::Store(r, d, rests);
        hn::Store(quarters, du, counts);
        for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
            if (angles[i] >= -kLargest && angles[i] <= kLargest)
                continue;
            const Quarters reduced = reduceLargeAngle(angles[i]);
            rests[i] = reduced.rest;
            counts[i] = static_cast<std::uint64_t>(reduced.quarters);
        }
        r = hn::Load(d, rests);
        quarters = hn::Load(du, counts);
    }
    quarters = hn::Add(quarters, hn::Set(du, shift));
    const VD square = hn::Mul(r, r);
    const VD sine = hn::Mul(r, polynomial(square, 1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
                                          1.0 / 6227020800.0));
    const VD cosine = polynomial(square, 1.0, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800,
                                 1.0 / 479001600.0, -1.0 / 87178291200.0);
    const VU one = hn::Set(du, 1), two = hn::Set(du, 2);
    const auto odd = hn::MaskFromVec(hn::BitCast(d, hn::Sub(hn::Zero(du), hn::And(quarters, one))));
    const VD sign = hn::BitCast(d, hn::ShiftLeft<62>(hn::And(quarters, two)));
    return hn::Xor(hn::IfThenElse(odd, cosine, sine), sign);
}

} // namespace fxp::quant::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
