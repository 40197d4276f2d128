#include "quant/core/kernels/block.h"
#include "quant/core/rounding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/core/kernels/quantize_fast.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fxp::quant::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void BlockFigures(const QuantizeJob& job, std::int64_t begin, std::int64_t end, TaskCells*, Figures& figures) {
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
        const LinearScale linear(job.range);
        binScale = hn::Set(d, linear.perUnit);
        firstBin = hn::Set(I32(), linear.first);
    }

    template <Rounding R> HWY_INLINE VF integer(VF x) const { return roundVector<R>(hn::Mul(x, scale)); }

    HWY_INLINE VF value(VF integer) const {
        VF bounded = hn::Min(hn::Max(integer, low), high);
        if (toZero)
            bounded = hn::IfThenElseZero(hn::Eq(bounded, integer), integer);
        return hn::Mul(bounded, lsb);
    }

    bool isFloat, toZero;
    VF scale, lsb, low, high, binScale;
    VI firstBin;
};

/// Lane sums of one block, in float64.
struct Sums {
    // Written out: an implicit constructor would not be compiled for the target.
    Sums() { x = squares = error = outward = squaredError = reference = referenceError = hn::Zero(F64()); }

    VD x, squares, error, outward, squaredError, reference, referenceError;

    /// Returns |y − x|.
    HWY_INLINE VD add(VD xd, VD yd) {
        const F64 d;
        const VD e = hn::Sub(yd, xd);
        x = hn::Add(x, xd);
        squares = hn::MulAdd(xd, xd, squares);
        error = hn::Add(error, e);
        squaredError = hn::MulAdd(e, e, squaredError);
        outward = hn::Add(outward, hn::Xor(e, hn::And(xd, hn::SignBit(d))));
        return hn::Abs(e);
    }
    HWY_INLINE void addReference(VD yd, VD rd) {
        const VD e = hn::Sub(yd, rd);
        reference = hn::MulAdd(rd, rd, reference);
        referenceError = hn::MulAdd(e, e, referenceError);
    }
    HWY_INLINE static double total(VD v) { return hn::GetLane(hn::SumOfLanes(F64(), v)); }
};

/// Counters of one block, each element counted into both histograms.
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
        const VF magnitude = hn::Min(hn::Mul(hn::Abs(v), c.binScale), hn::Set(d, 1e9f));
        const VI steps = hn::ConvertTo(di, magnitude);
        const auto negative = hn::RebindMask(di, hn::Lt(v, hn::Zero(d)));
        const VI place = hn::Sub(hn::IfThenElse(negative, hn::Not(steps), steps), c.firstBin);
        hn::Store(hn::Min(hn::Max(place, hn::Zero(di)), hn::Set(di, kLinearBins - 1)), di, bin);
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

/// Counts each element into its cell: one increment.
HWY_INLINE void countCells(VF v, std::uint16_t* counts) {
    const U32 du;
    constexpr std::size_t kMaxLanes = hn::MaxLanes(F32());
    HWY_ALIGN std::uint32_t place[kMaxLanes];
    const auto set = [&](std::size_t number) { return hn::Set(du, static_cast<std::uint32_t>(number)); };
    const auto sign = hn::BitCast(du, hn::BroadcastSignBit(hn::BitCast(I32(), v)));
    const auto cell =
        hn::Add(hn::ShiftRight<CellCounts::kShift>(hn::BitCast(du, v)), hn::And(sign, set(CellCounts::kSkew)));
    const auto lane = hn::And(hn::Iota(du, 0), set(CellCounts::kLanes - 1));
    static_assert(CellCounts::kLanes == 8);
    hn::Store(hn::Add(hn::ShiftLeft<3>(cell), lane), du, place);
    for (std::size_t i = 0; i < hn::Lanes(du); ++i)
        ++counts[place[i]];
}

/// Counts lanes for which a condition holds, a vector register per condition.
struct Counter {
    Counter() { lanes = hn::Zero(I32()); }

    VI lanes;

    template <class Mask> HWY_INLINE void add(Mask mask) {
        lanes = hn::Sub(lanes, hn::BitCast(I32(), hn::VecFromMask(F32(), mask)));
    }
    std::int64_t total() const { return hn::GetLane(hn::SumOfLanes(I32(), lanes)); }
};

template <Rounding R, bool HasReference, bool InCells> void vectorBlock(const QuantizeJob& job, std::int64_t begin,
                                                                        std::int64_t end, const Constants& c,
                                                                        TaskCells* cells, Figures& part) {
    const F32 d;
    const F64 dd;
    const HalfF32 dh;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const VF zero = hn::Zero(d);
    Sums sums;
    // Greater errors than all before are rare, after the first few: their place is noted when they come.
    VD largest = hn::Set(dd, part.maxError);
    std::int64_t largestAt = -1;
    struct NoTables {};
    std::conditional_t<InCells, NoTables, Tables> before, after;
    std::uint16_t* xCells = InCells ? cells->before.counts() : nullptr;
    std::uint16_t* yCells = InCells ? cells->after.counts() : nullptr;
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
        const VD error = hn::Max(sums.add(x0, y0), sums.add(x1, y1));
        if (HWY_UNLIKELY(!hn::AllFalse(dd, hn::Gt(error, largest)))) {
            largest = hn::MaxOfLanes(dd, error);
            largestAt = i;
        }
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
        if constexpr (InCells) {
            countCells(x, xCells);
            if (!c.isFloat)
                countCells(y, yCells);
        } else {
            before.count(x, c);
            if (!c.isFloat)
                after.count(y, c);
        }
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
    part.maxError = hn::GetLane(largest);
    part.maxErrorIndex = largestAt < 0 ? -1 : largestAt - begin;
    part.referenceSquares = Sums::total(sums.reference);
    part.referenceSquaredError = Sums::total(sums.referenceError);
    const std::int64_t zeroCounts[] = {part.zero - negativeZeros.total(), negativeZeros.total(),
                                       yZeros.total() - yNegativeZeros.total(), yNegativeZeros.total()};
    if constexpr (InCells) {
        for (std::size_t i = 0; i < 4; ++i)
            cells->zeros[i] += zeroCounts[i];
    } else {
        before.addTo(part.before, zeroCounts[0], zeroCounts[1]);
        if (c.isFloat)
            part.after = part.before;
        else
            after.addTo(part.after, zeroCounts[2], zeroCounts[3]);
    }
}

template <bool HasReference, bool InCells> void dispatchRounding(const QuantizeJob& job, std::int64_t begin,
                                                                 std::int64_t end, const Constants& c, TaskCells* cells,
                                                                 Figures& part) {
    switch (job.type.rounding) {
    case Rounding::Round: return vectorBlock<Rounding::Round, HasReference, InCells>(job, begin, end, c, cells, part);
    case Rounding::Trunc: return vectorBlock<Rounding::Trunc, HasReference, InCells>(job, begin, end, c, cells, part);
    case Rounding::Floor: return vectorBlock<Rounding::Floor, HasReference, InCells>(job, begin, end, c, cells, part);
    case Rounding::Ceil: return vectorBlock<Rounding::Ceil, HasReference, InCells>(job, begin, end, c, cells, part);
    case Rounding::RoundHalfUp:
        return vectorBlock<Rounding::RoundHalfUp, HasReference, InCells>(job, begin, end, c, cells, part);
    case Rounding::RoundHalfDown:
        return vectorBlock<Rounding::RoundHalfDown, HasReference, InCells>(job, begin, end, c, cells, part);
    case Rounding::RoundHalfAway:
        return vectorBlock<Rounding::RoundHalfAway, HasReference, InCells>(job, begin, end, c, cells, part);
    case Rounding::RoundHalfZero:
        return vectorBlock<Rounding::RoundHalfZero, HasReference, InCells>(job, begin, end, c, cells, part);
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
    if (type.affine)
        return true;
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

void dispatch(const QuantizeJob& job, std::int64_t begin, std::int64_t end, TaskCells* cells, Figures& part) {
    const Constants c(job);
    if (job.reference && cells)
        dispatchRounding<true, true>(job, begin, end, c, cells, part);
    else if (job.reference)
        dispatchRounding<true, false>(job, begin, end, c, cells, part);
    else if (cells)
        dispatchRounding<false, true>(job, begin, end, c, cells, part);
    else
        dispatchRounding<false, false>(job, begin, end, c, cells, part);
}

/// The first of the elements from part.maxErrorIndex on whose error is part.maxError. `x`: the block's.
std::int64_t firstWithError(const QuantizeJob& job, const float* x, const Figures& part) {
    const Limits range = job.type.isFloat() ? Limits{} : limits(job.type);
    for (std::int64_t i = part.maxErrorIndex;; ++i) {
        const double y = job.type.isFloat() ? x[i] : quantizeOne(x[i], job.type, range, 0).value;
        if (std::abs(y - x[i]) == part.maxError || i + 1 == part.count)
            return i;
    }
}

void BlockFigures(const QuantizeJob& job, std::int64_t begin, std::int64_t end, TaskCells* cells, Figures& figures) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(F32()));
    const std::int64_t whole = begin + (end - begin) / lanes * lanes;
    Figures total;
    total.linearRange = job.range;
    if (whole > begin) {
        const Extent extent = extentOf(job.x + begin, whole - begin);
        const Extent reference = job.reference ? extentOf(job.reference + begin, whole - begin) : extent;
        const bool plain = needsPlain(job.type) || job.given;
        const bool wraps =
            !plain && job.type.overflow == Overflow::Wrap && !job.type.isFloat() && overflows(extent, job.type);
        if (!extent.finite || !reference.finite || wraps || plain) {
            quantizeBlockPlain(job, begin, whole, total);
        } else {
            Figures part;
            part.linearRange = job.range;
            // Errors that do not exceed the task's greatest so far need no place.
            part.maxError = figures.maxErrorIndex < 0 ? -1.0 : figures.maxError;
            const float* x = job.x;
            const bool inPlace = x == job.y;
            std::vector<float> kept(inPlace ? x + begin : x, inPlace ? x + whole : x);
            dispatch(job, begin, whole, cells, part);
            part.min = extent.low;
            part.max = extent.high;
            if (part.maxErrorIndex >= 0)
                part.maxErrorIndex = firstWithError(job, inPlace ? kept.data() : x + begin, part);
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

void quantizeBlockFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, TaskCells* cells,
                       Figures& figures) {
    HWY_DYNAMIC_DISPATCH(BlockFigures)(job, begin, end, cells, figures);
}

void quantizeValuesFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(BlockValues)(job, begin, end);
}

} // namespace fxp::quant
#endif
