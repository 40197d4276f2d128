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

void CountBlock(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, TaskCells*, Figures& figures) {
    countBlockPlain(job, begin, end, y, figures);
}

void BlockValues(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y) {
    quantizeValuesPlain(job, begin, end, y);
}

#else

using F32 = hn::ScalableTag<float>;
using I32 = hn::RebindToSigned<F32>;
using U32 = hn::RebindToUnsigned<F32>;
using VF = hn::Vec<F32>;
using VI = hn::Vec<I32>;

template <Rounding R> HWY_INLINE VF roundVector(VF v) {
    const F32 d;
    const VF one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
    // Instruction sets without a rounding instruction lose the sign of zero.
    if constexpr (R == Rounding::Round)
        return hn::CopySign(hn::Round(v), v);
    else if constexpr (R == Rounding::Trunc)
        return hn::CopySign(hn::Trunc(v), v);
    else if constexpr (R == Rounding::Floor)
        return hn::CopySign(hn::Floor(v), v);
    else if constexpr (R == Rounding::Ceil)
        return hn::CopySign(hn::Ceil(v), v);
    else if constexpr (R == Rounding::RoundHalfAway) {
        const VF cut = hn::Trunc(v);
        const auto far = hn::Ge(hn::Abs(hn::Sub(v, cut)), half);
        return hn::IfThenElse(far, hn::Add(cut, hn::CopySign(one, v)), cut);
    } else {
        const VF down = hn::CopySign(hn::Floor(v), v);
        const VF dropped = hn::Sub(v, down);
        auto up = hn::Gt(dropped, half);
        if constexpr (R == Rounding::RoundHalfUp)
            up = hn::Ge(dropped, half);
        // The fraction that floor drops from a small negative number can need one bit more than v itself and is then
        // rounded, so it is not compared; down + half is exact.
        if constexpr (R == Rounding::RoundHalfDown)
            up = hn::Gt(v, hn::Add(down, half));
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

/// The counters of one block; each element is counted in both histograms.
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

/// Quantizes whole vectors of finite elements and counts them, with no overflow that wraps.
template <Rounding R, bool InCells> void vectorBlock(const QuantizeJob& job, std::int64_t begin, std::int64_t end,
                                                     const Constants& c, float* results, TaskCells* cells,
                                                     Figures& figures) {
    const F32 d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const VF zero = hn::Zero(d);
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
            hn::StoreU(y, d, results + (i - begin));
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
    }
    figures.count += end - begin;
    figures.zero += zeros.total();
    figures.underflow += yZeros.total() - zeros.total(); // zero stays zero in every method
    figures.overflowLow += overflowLow.total();
    figures.overflowHigh += overflowHigh.total();
    const std::int64_t zeroCounts[] = {zeros.total() - negativeZeros.total(), negativeZeros.total(),
                                       yZeros.total() - yNegativeZeros.total(), yNegativeZeros.total()};
    if constexpr (InCells) {
        for (std::size_t i = 0; i < 4; ++i)
            cells->zeros[i] += zeroCounts[i];
    } else {
        before.addTo(figures.before, zeroCounts[0], zeroCounts[1]);
        (c.isFloat ? before : after).addTo(figures.after, zeroCounts[2], zeroCounts[3]);
    }
}

/// Calls `visit` with the rounding method as a template argument.
template <class Visit> void withRounding(Rounding rounding, Visit visit) {
    switch (rounding) {
    case Rounding::Round: return visit.template operator()<Rounding::Round>();
    case Rounding::Trunc: return visit.template operator()<Rounding::Trunc>();
    case Rounding::Floor: return visit.template operator()<Rounding::Floor>();
    case Rounding::Ceil: return visit.template operator()<Rounding::Ceil>();
    case Rounding::RoundHalfUp: return visit.template operator()<Rounding::RoundHalfUp>();
    case Rounding::RoundHalfDown: return visit.template operator()<Rounding::RoundHalfDown>();
    case Rounding::RoundHalfAway: return visit.template operator()<Rounding::RoundHalfAway>();
    case Rounding::RoundHalfZero: return visit.template operator()<Rounding::RoundHalfZero>();
    case Rounding::Stochastic: return; // done by the plain loop
    }
}

template <Rounding R>
void valuesLoop(const QuantizeJob& job, std::int64_t begin, std::int64_t end, const Constants& c, float* y) {
    const F32 d;
    for (std::int64_t i = begin; i < end; i += static_cast<std::int64_t>(hn::Lanes(d))) {
        const VF x = hn::LoadU(d, job.x + i);
        // Min and Max treat NaN differently on different instruction sets, so NaN does not go through them.
        hn::StoreU(hn::IfThenElse(hn::IsNaN(x), x, c.value(c.integer<R>(x))), d, y + (i - begin));
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
        poison = hn::Add(poison, hn::Mul(v, hn::Zero(d)));
    }
    return {hn::GetLane(hn::MinOfLanes(d, low)), hn::GetLane(hn::MaxOfLanes(d, high)),
            hn::AllTrue(d, hn::Eq(poison, hn::Zero(d)))};
}

/// Whether the format's float32 arithmetic could differ from the reference's float64 arithmetic.
bool needsPlain(const QType& type) {
    if (type.isFloat())
        return false;
    if (type.affine)
        return true;
    // Where x·2^F is too small for float32, these round the value and not its zero: to a neighbour, or to a zero of the
    // other sign.
    const bool seesUnderflow = type.rounding != Rounding::Round && type.rounding != Rounding::Trunc &&
                               type.rounding != Rounding::RoundHalfAway;
    const bool canBeInfinite = *type.totalBits - *type.fractionalBits > std::numeric_limits<float>::max_exponent;
    return type.rounding == Rounding::Stochastic || std::abs(*type.fractionalBits) > 100 || canBeInfinite ||
           (seesUnderflow && *type.fractionalBits < 0) ||
           (*type.totalBits > 24 && (type.overflow == Overflow::SaturateZero || type.overflow == Overflow::Wrap));
}

bool overflows(const Extent& extent, const QType& type) {
    const Limits range = limits(type);
    const double scale = std::ldexp(1.0, *type.fractionalBits);
    return extent.low * scale < range.low || extent.high * scale > range.high;
}

void CountBlock(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, TaskCells* cells,
                Figures& figures) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(F32()));
    std::int64_t whole = begin + (end - begin) / lanes * lanes;
    if (needsPlain(job.type) || job.given)
        whole = begin;
    if (whole > begin) {
        const Extent extent = extentOf(job.x + begin, whole - begin);
        const bool wraps = !job.type.isFloat() && job.type.overflow == Overflow::Wrap && overflows(extent, job.type);
        if (!extent.finite || wraps) {
            whole = begin;
        } else {
            const Constants c(job);
            extendRange(figures, extent.low, extent.high);
            withRounding(job.type.isFloat() ? Rounding::Round : job.type.rounding, [&]<Rounding R>() {
                if (cells)
                    vectorBlock<R, true>(job, begin, whole, c, y, cells, figures);
                else
                    vectorBlock<R, false>(job, begin, whole, c, y, nullptr, figures);
            });
        }
    }
    countBlockPlain(job, whole, end, y + (whole - begin), figures);
}

void BlockValues(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(F32()));
    std::int64_t whole = begin;
    if (!needsPlain(job.type) && job.type.overflow != Overflow::Wrap) {
        whole = begin + (end - begin) / lanes * lanes;
        const Constants c(job);
        withRounding(job.type.rounding, [&]<Rounding R>() { valuesLoop<R>(job, begin, whole, c, y); });
    }
    quantizeValuesPlain(job, whole, end, y + (whole - begin));
}

#endif

} // namespace fxp::quant::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fxp::quant {

HWY_EXPORT(CountBlock);
HWY_EXPORT(BlockValues);

void countBlockFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y, TaskCells* cells,
                    Figures& figures) {
    HWY_DYNAMIC_DISPATCH(CountBlock)(job, begin, end, y, cells, figures);
}

void quantizeValuesFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, float* y) {
    HWY_DYNAMIC_DISPATCH(BlockValues)(job, begin, end, y);
}

} // namespace fxp::quant
#endif
