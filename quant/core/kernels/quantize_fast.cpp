#include "quant/core/kernels/block.h"
#include "quant/core/rounding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/core/kernels/quantize_fast.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fxp::quant::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void BlockFigures(const QuantizeJob& job, std::int64_t begin, std::int64_t end, Figures& figures) {
    quantizeBlockPlain(job, begin, end, figures);
}

void BlockValues(const QuantizeJob& job, std::int64_t begin, std::int64_t end) {
    quantizeValuesPlain(job, begin, end);
}

#else

using F32 = hn::ScalableTag<float>;
using I32 = hn::RebindToSigned<F32>;
using U32 = hn::RebindToUnsigned<F32>;
using F64 = hn::ScalableTag<double>;
using HalfF32 = hn::Half<F32>;
using VF = hn::Vec<F32>;
using VI = hn::Vec<I32>;
using VD = hn::Vec<F64>;

template <Rounding R> HWY_INLINE VF roundVector(VF v) {
    const F32 d;
    const VF one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
    if constexpr (R == Rounding::Round)
        return hn::Round(v);
    else if constexpr (R == Rounding::Trunc)
        return hn::Trunc(v);
    else if constexpr (R == Rounding::Floor)
        return hn::Floor(v);
    else if constexpr (R == Rounding::Ceil)
        return hn::Ceil(v);
    else if constexpr (R == Rounding::RoundHalfAway) {
        const VF cut = hn::Trunc(v);
        const auto far = hn::Ge(hn::Abs(hn::Sub(v, cut)), half);
        return hn::IfThenElse(far, hn::Add(cut, hn::CopySign(one, v)), cut);
    } else {
        const VF down = hn::Floor(v);
        const VF dropped = hn::Sub(v, down);
        auto up = hn::Gt(dropped, half);
        if constexpr (R == Rounding::RoundHalfUp)
            up = hn::Ge(dropped, half);
        if constexpr (R == Rounding::RoundHalfZero)
            up = hn::Or(up, hn::And(hn::Ge(dropped, half), hn::Lt(v, hn::Zero(d))));
        return hn::IfThenElse(up, hn::Add(down, one), down);
    }
}

/// The job's constants, spread over vectors once per block.
struct Constants {
    explicit Constants(const QuantizeJob& job)
        : isFloat(job.type.isFloat()), toZero(!isFloat && job.type.overflow == Overflow::SaturateZero) {
        const F32 d;
        const Limits range = isFloat ? Limits{} : limits(job.type);
        const int fraction = isFloat ? 0 : *job.type.fractionalBits;
        scale = hn::Set(d, std::ldexp(1.0f, fraction));
        lsb = hn::Set(d, std::ldexp(1.0f, -fraction));
        low = hn::Set(d, static_cast<float>(range.low));
        high = hn::Set(d, static_cast<float>(range.high));
        binLow = hn::Set(d, static_cast<float>(job.range.low));
        binScale = hn::Set(d, linearScale(job.range));
    }

    template <Rounding R> HWY_INLINE VF integer(VF x) const { return roundVector<R>(hn::Mul(x, scale)); }

    HWY_INLINE VF value(VF integer) const {
        VF bounded = hn::Min(hn::Max(integer, low), high);
        if (toZero)
            bounded = hn::IfThenElseZero(hn::Eq(bounded, integer), integer);
        return hn::Mul(bounded, lsb);
    }

    bool isFloat, toZero;
    VF scale, lsb, low, high, binLow, binScale;
};

/// Lane sums of one block, in float64.
struct Sums {
    // Written out: an implicit constructor would not be compiled for the target.
    Sums() { x = squares = error = outward = squaredError = maxError = reference = referenceError = hn::Zero(F64()); }

    VD x, squares, error, outward, squaredError, maxError, reference, referenceError;

    HWY_INLINE void add(VD xd, VD yd) {
        const F64 d;
        const VD e = hn::Sub(yd, xd);
        x = hn::Add(x, xd);
        squares = hn::MulAdd(xd, xd, squares);
        error = hn::Add(error, e);
        squaredError = hn::MulAdd(e, e, squaredError);
        outward = hn::Add(outward, hn::Xor(e, hn::And(xd, hn::SignBit(d))));
        maxError = hn::Max(maxError, hn::Abs(e));
    }
    HWY_INLINE void addReference(VD yd, VD rd) {
        const VD e = hn::Sub(yd, rd);
        reference = hn::MulAdd(rd, rd, reference);
        referenceError = hn::MulAdd(e, e, referenceError);
    }
    HWY_INLINE static double total(VD v) { return hn::GetLane(hn::SumOfLanes(F64(), v)); }
};

/// Counters of one block. Two copies of each histogram: neighbouring elements often fall into one bin, and alternating
/// between copies spares the increment's wait for the store before it.
struct Tables {
    std::array<std::array<std::uint32_t, kLinearBins>, 2> linear{};
    std::array<std::array<std::uint32_t, kLog2Bins>, 2> log2{};

    HWY_INLINE void count(VF v, const Constants& c) {
        const F32 d;
        const I32 di;
        constexpr std::size_t kMaxLanes = hn::MaxLanes(F32());
        HWY_ALIGN std::int32_t exponent[kMaxLanes];
        HWY_ALIGN std::int32_t bin[kMaxLanes];
        hn::Store(hn::BitCast(di, hn::ShiftRight<23>(hn::BitCast(U32(), v))), di, exponent);
        const VF position = hn::Mul(hn::Sub(v, c.binLow), c.binScale);
        const VF inside = hn::Min(hn::Max(position, hn::Zero(d)), hn::Set(d, static_cast<float>(kLinearBins - 1)));
        hn::Store(hn::ConvertTo(di, inside), di, bin);
        for (std::size_t lane = 0; lane < hn::Lanes(d); ++lane) {
            ++log2[lane & 1][static_cast<std::size_t>(exponent[lane])];
            ++linear[lane & 1][static_cast<std::size_t>(bin[lane])];
        }
    }

    void addTo(Histograms& histograms, std::int64_t positiveZeros, std::int64_t negativeZeros) const {
        for (std::size_t i = 0; i < kLinearBins; ++i)
            histograms.linear[i] += linear[0][i] + linear[1][i];
        for (std::size_t i = 0; i < kLog2Bins; ++i)
            histograms.log2[i] += log2[0][i] + log2[1][i];
        histograms.log2[0] -= positiveZeros;
        histograms.log2[kLog2Bins / 2] -= negativeZeros;
    }
};

/// Counts lanes for which a condition holds, a vector register per condition.
struct Counter {
    Counter() { lanes = hn::Zero(I32()); }

    VI lanes;

    template <class Mask> HWY_INLINE void add(Mask mask) {
        lanes = hn::Sub(lanes, hn::BitCast(I32(), hn::VecFromMask(F32(), mask)));
    }
    std::int64_t total() const { return hn::GetLane(hn::SumOfLanes(I32(), lanes)); }
};

template <Rounding R, bool HasReference>
void vectorBlock(const QuantizeJob& job, std::int64_t begin, std::int64_t end, const Constants& c, Figures& part) {
    const F32 d;
    const F64 dd;
    const HalfF32 dh;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const VF zero = hn::Zero(d);
    Sums sums;
    Tables before, after;
    Counter overflowLow, overflowHigh, zeros, negativeZeros, yZeros, yNegativeZeros;
    for (std::int64_t i = begin; i < end; i += lanes) {
        const VF x = hn::LoadU(d, job.x + i);
        VF y = x;
        if (!c.isFloat) {
            const VF integer = c.integer<R>(x);
            overflowLow.add(hn::Lt(integer, c.low));
            overflowHigh.add(hn::Gt(integer, c.high));
            y = c.value(integer);
        }
        const VD x0 = hn::PromoteTo(dd, hn::LowerHalf(dh, x)), x1 = hn::PromoteTo(dd, hn::UpperHalf(dh, x));
        const VD y0 = hn::PromoteTo(dd, hn::LowerHalf(dh, y)), y1 = hn::PromoteTo(dd, hn::UpperHalf(dh, y));
        sums.add(x0, y0);
        sums.add(x1, y1);
        if constexpr (HasReference) {
            const VF r = hn::LoadU(d, job.reference + i);
            sums.addReference(y0, hn::PromoteTo(dd, hn::LowerHalf(dh, r)));
            sums.addReference(y1, hn::PromoteTo(dd, hn::UpperHalf(dh, r)));
        }
        const auto xZero = hn::Eq(x, zero), yZero = hn::Eq(y, zero);
        const auto signOf = [&](VF v) {
            return hn::MaskFromVec(hn::BitCast(d, hn::BroadcastSignBit(hn::BitCast(I32(), v))));
        };
        zeros.add(xZero);
        negativeZeros.add(hn::And(xZero, signOf(x)));
        yZeros.add(yZero);
        yNegativeZeros.add(hn::And(yZero, signOf(y)));
        before.count(x, c);
        if (!c.isFloat)
            after.count(y, c);
        if (job.y)
            hn::StoreU(y, d, job.y + i);
    }
    part.count = end - begin;
    part.zero = zeros.total();
    part.underflow = yZeros.total() - part.zero; // zero stays zero in every method
    part.overflowLow = overflowLow.total();
    part.overflowHigh = overflowHigh.total();
    part.sum = Sums::total(sums.x);
    part.sumSquares = Sums::total(sums.squares);
    part.sumError = Sums::total(sums.error);
    part.sumOutward = Sums::total(sums.outward);
    part.sumSquaredError = Sums::total(sums.squaredError);
    part.maxError = hn::GetLane(hn::MaxOfLanes(dd, sums.maxError));
    part.referenceSquares = Sums::total(sums.reference);
    part.referenceSquaredError = Sums::total(sums.referenceError);
    before.addTo(part.before, part.zero - negativeZeros.total(), negativeZeros.total());
    if (c.isFloat)
        part.after = part.before;
    else
        after.addTo(part.after, yZeros.total() - yNegativeZeros.total(), yNegativeZeros.total());
}

template <bool HasReference>
void dispatchRounding(const QuantizeJob& job, std::int64_t begin, std::int64_t end, const Constants& c, Figures& part) {
    switch (job.type.rounding) {
    case Rounding::Round: return vectorBlock<Rounding::Round, HasReference>(job, begin, end, c, part);
    case Rounding::Trunc: return vectorBlock<Rounding::Trunc, HasReference>(job, begin, end, c, part);
    case Rounding::Floor: return vectorBlock<Rounding::Floor, HasReference>(job, begin, end, c, part);
    case Rounding::Ceil: return vectorBlock<Rounding::Ceil, HasReference>(job, begin, end, c, part);
    case Rounding::RoundHalfUp: return vectorBlock<Rounding::RoundHalfUp, HasReference>(job, begin, end, c, part);
    case Rounding::RoundHalfDown: return vectorBlock<Rounding::RoundHalfDown, HasReference>(job, begin, end, c, part);
    case Rounding::RoundHalfAway: return vectorBlock<Rounding::RoundHalfAway, HasReference>(job, begin, end, c, part);
    case Rounding::RoundHalfZero: return vectorBlock<Rounding::RoundHalfZero, HasReference>(job, begin, end, c, part);
    case Rounding::Stochastic: return; // the plain loop's
    }
}

template <Rounding R>
void valuesLoop(const QuantizeJob& job, std::int64_t begin, std::int64_t end, const Constants& c) {
    const F32 d;
    for (std::int64_t i = begin; i < end; i += static_cast<std::int64_t>(hn::Lanes(d))) {
        const VF x = hn::LoadU(d, job.x + i);
        // Min and Max order NaN differently from one instruction set to the next: NaN passes by them.
        hn::StoreU(hn::IfThenElse(hn::IsNaN(x), x, c.value(c.integer<R>(x))), d, job.y + i);
    }
}

/// Extremes of a block; NaN anywhere makes `finite` false.
struct Extent {
    float low, high;
    bool finite;
};

Extent extentOf(const float* x, std::int64_t count) {
    const F32 d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    VF low = hn::Set(d, std::numeric_limits<float>::infinity()), high = hn::Neg(low);
    VF poison = hn::Zero(d); // x · 0 is NaN for NaN and ±Inf, and stays so in the sum
    for (std::int64_t i = 0; i < count; i += lanes) {
        const VF v = hn::LoadU(d, x + i);
        low = hn::Min(low, v);
        high = hn::Max(high, v);
        poison = hn::MulAdd(v, hn::Zero(d), poison);
    }
    return {hn::GetLane(hn::MinOfLanes(d, low)), hn::GetLane(hn::MaxOfLanes(d, high)),
            hn::AllTrue(d, hn::Eq(poison, hn::Zero(d)))};
}

/// Methods and formats whose float32 arithmetic could differ from the reference's float64.
bool needsPlain(const QType& type) {
    if (type.isFloat())
        return false;
    const bool directed = type.rounding == Rounding::Floor || type.rounding == Rounding::Ceil;
    return type.rounding == Rounding::Stochastic || std::abs(*type.fractionalBits) > 100 ||
           (directed && *type.fractionalBits < 0) ||
           (*type.totalBits > 24 && (type.overflow == Overflow::SaturateZero || type.overflow == Overflow::Wrap));
}

bool overflows(const Extent& extent, const QType& type) {
    const Limits range = limits(type);
    const double scale = std::ldexp(1.0, *type.fractionalBits);
    return extent.low * scale < range.low || extent.high * scale > range.high;
}

void BlockFigures(const QuantizeJob& job, std::int64_t begin, std::int64_t end, Figures& figures) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(F32()));
    const std::int64_t whole = begin + (end - begin) / lanes * lanes;
    Figures total;
    total.linearRange = job.range;
    if (whole > begin) {
        const Extent extent = extentOf(job.x + begin, whole - begin);
        const Extent reference = job.reference ? extentOf(job.reference + begin, whole - begin) : extent;
        const bool wraps = job.type.overflow == Overflow::Wrap && !job.type.isFloat() && overflows(extent, job.type);
        if (!extent.finite || !reference.finite || wraps || needsPlain(job.type)) {
            quantizeBlockPlain(job, begin, whole, total);
        } else {
            Figures part;
            part.linearRange = job.range;
            const Constants constants(job);
            const float* x = job.x;
            if (job.reference)
                dispatchRounding<true>(job, begin, whole, constants, part);
            else
                dispatchRounding<false>(job, begin, whole, constants, part);
            part.min = extent.low;
            part.max = extent.high;
            part.maxErrorIndex = 0;
            // The index is looked for only where a block's maximum is the greatest so far. In place, x is gone by now.
            if (part.maxError > figures.maxError && x != job.y) {
                const Limits range = job.type.isFloat() ? Limits{} : limits(job.type);
                for (std::int64_t i = begin; i < whole; ++i) {
                    const double y = job.type.isFloat() ? x[i] : quantizeOne(x[i], job.type, range, 0).value;
                    if (std::abs(y - x[i]) == part.maxError) {
                        part.maxErrorIndex = i - begin;
                        break;
                    }
                }
            }
            total.add(part);
        }
    }
    if (end > whole)
        quantizeBlockPlain(job, whole, end, total);
    figures.add(total);
}

void BlockValues(const QuantizeJob& job, std::int64_t begin, std::int64_t end) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(F32()));
    std::int64_t whole = begin + (end - begin) / lanes * lanes;
    if (needsPlain(job.type) || job.type.overflow == Overflow::Wrap) {
        whole = begin;
    } else {
        const Constants c(job);
        switch (job.type.rounding) {
        case Rounding::Round: valuesLoop<Rounding::Round>(job, begin, whole, c); break;
        case Rounding::Trunc: valuesLoop<Rounding::Trunc>(job, begin, whole, c); break;
        case Rounding::Floor: valuesLoop<Rounding::Floor>(job, begin, whole, c); break;
        case Rounding::Ceil: valuesLoop<Rounding::Ceil>(job, begin, whole, c); break;
        case Rounding::RoundHalfUp: valuesLoop<Rounding::RoundHalfUp>(job, begin, whole, c); break;
        case Rounding::RoundHalfDown: valuesLoop<Rounding::RoundHalfDown>(job, begin, whole, c); break;
        case Rounding::RoundHalfAway: valuesLoop<Rounding::RoundHalfAway>(job, begin, whole, c); break;
        case Rounding::RoundHalfZero: valuesLoop<Rounding::RoundHalfZero>(job, begin, whole, c); break;
        case Rounding::Stochastic: break;
        }
    }
    quantizeValuesPlain(job, whole, end);
}

#endif

} // namespace fxp::quant::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fxp::quant {

HWY_EXPORT(BlockFigures);
HWY_EXPORT(BlockValues);

void quantizeBlockFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, Figures& figures) {
    HWY_DYNAMIC_DISPATCH(BlockFigures)(job, begin, end, figures);
}

void quantizeValuesFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(BlockValues)(job, begin, end);
}

} // namespace fxp::quant
#endif
