#include "quant/core/kernels/block.h"

#include <array>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/core/kernels/segment_sums.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Every instruction set adds the same numbers in the same order: element i of a segment to lane i mod 8, one product
// and one sum each, never a fused one, which would round once where others round twice.

HWY_BEFORE_NAMESPACE();
namespace fxp::quant::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F64 = hn::CappedTag<double, kSumLanes>;
using F32 = hn::Rebind<float, F64>;
using VD = hn::Vec<F64>;

constexpr std::size_t kWidth = hn::MaxLanes(F64());
constexpr std::size_t kVectors = kSumLanes / kWidth;

/// The eight lanes of one sum.
struct Lanes {
    // Written out: an implicit constructor would not be compiled for the target.
    Lanes() {
        for (std::size_t v = 0; v < kVectors; ++v)
            vectors[v] = hn::Zero(F64());
    }

    VD vectors[kVectors];

    HWY_INLINE void add(std::size_t vector, VD value) { vectors[vector] = hn::Add(vectors[vector], value); }
    HWY_INLINE void store(double* to) const {
        for (std::size_t v = 0; v < kVectors; ++v)
            hn::StoreU(vectors[v], F64(), to + v * kWidth);
    }
};

enum Sum : std::size_t {
    Shifted,
    ShiftedSquares,
    Squares,
    Error,
    Outward,
    SquaredDifference,
    Reference,
    ReferenceError
};
constexpr std::size_t kSums = 8;
using SumsOfSegment = std::array<std::array<double, kSumLanes>, kSums>;

struct MaxError {
    double value = -1;
    std::int64_t index = -1;

    void see(double error, std::int64_t at) {
        if (index < 0 || isGreaterError(error, value)) {
            value = error;
            index = at;
        }
    }
};

HWY_INLINE VD load(const float* from) {
    return hn::PromoteTo(F64(), hn::LoadU(F32(), from));
}
HWY_INLINE auto isFinite(VD v) {
    return hn::Lt(hn::Abs(v), hn::Set(F64(), std::numeric_limits<double>::infinity()));
}

/// One segment. Tail elements, fewer than eight, are added one by one behind the vectors'.
template <bool HasShift, bool HasReference> void sumSegment(const SegmentValues& values, std::int64_t begin,
                                                            std::int64_t end, std::int64_t first, double shift,
                                                            MaxError& maxError, SumsOfSegment& sums) {
    const F64 d;
    const VD s = hn::Set(d, shift), sign = hn::SignBit(d);
    Lanes shifted, shiftedSquares, squares, error, outward, squaredError, reference, referenceError;
    VD largest = hn::Set(d, maxError.value);
    const std::int64_t whole = begin + (end - begin) / kSumLanes * kSumLanes;
    for (std::int64_t i = begin; i < whole; i += kSumLanes) {
        auto isBelow = hn::FirstN(d, kWidth);
        for (std::size_t v = 0; v < kVectors; ++v) {
            const std::int64_t at = i + static_cast<std::int64_t>(v * kWidth);
            const VD y = load(values.y + at);
            VD x = load(values.x + at);
            const auto valid = isFinite(x);
            x = hn::IfThenElseZero(valid, x);
            const VD e = hn::IfThenElseZero(valid, hn::Sub(y, x));
            const VD square = hn::Mul(x, x);
            squares.add(v, square);
            if constexpr (HasShift) {
                const VD moved = hn::IfThenElseZero(valid, hn::Sub(x, s));
                shifted.add(v, moved);
                shiftedSquares.add(v, hn::Mul(moved, moved));
            } else {
                shifted.add(v, x);
            }
            error.add(v, e);
            outward.add(v, hn::Xor(e, hn::And(x, sign)));
            squaredError.add(v, hn::Mul(e, e));
            isBelow = hn::And(isBelow, hn::Le(hn::Abs(e), largest));
            if constexpr (HasReference) {
                const VD r = load(values.reference + at);
                const auto both = hn::And(isFinite(r), isFinite(y));
                const VD signal = hn::IfThenElseZero(both, r);
                const VD noise = hn::IfThenElseZero(both, hn::Sub(y, r));
                reference.add(v, hn::Mul(signal, signal));
                referenceError.add(v, hn::Mul(noise, noise));
            }
        }
        // Greater errors than all before are rare after the first few. One that is NaN is not below either.
        if (HWY_UNLIKELY(!hn::AllTrue(d, isBelow))) {
            for (std::int64_t at = i; at < i + static_cast<std::int64_t>(kSumLanes); ++at) {
                if (std::isfinite(values.x[at]))
                    maxError.see(std::abs(static_cast<double>(values.y[at]) - values.x[at]), first + at);
            }
            largest = hn::Set(d, maxError.value);
        }
    }
    shifted.store(sums[Shifted].data());
    squares.store(sums[Squares].data());
    error.store(sums[Error].data());
    outward.store(sums[Outward].data());
    squaredError.store(sums[SquaredDifference].data());
    if constexpr (HasShift)
        shiftedSquares.store(sums[ShiftedSquares].data());
    if constexpr (HasReference) {
        reference.store(sums[Reference].data());
        referenceError.store(sums[ReferenceError].data());
    }
    for (std::int64_t at = whole; at < end; ++at) {
        const auto lane = static_cast<std::size_t>(at - whole);
        const double x = values.x[at], y = values.y[at];
        if (HasReference && std::isfinite(values.reference[at]) && std::isfinite(y)) {
            const double r = values.reference[at];
            sums[Reference][lane] += r * r;
            sums[ReferenceError][lane] += (y - r) * (y - r);
        }
        if (!std::isfinite(x))
            continue;
        const double e = y - x, moved = x - shift;
        sums[Shifted][lane] += moved;
        sums[Squares][lane] += x * x;
        if (HasShift)
            sums[ShiftedSquares][lane] += moved * moved;
        sums[Error][lane] += e;
        sums[Outward][lane] += std::signbit(x) ? -e : e;
        sums[SquaredDifference][lane] += e * e;
        maxError.see(std::abs(e), first + at);
    }
}

template <bool HasShift, bool HasReference>
void sumSegments(const SegmentValues& values, std::int64_t first, Figures& figures) {
    const double shift = figures.linearRange.shift();
    MaxError maxError;
    if (figures.maxErrorIndex >= 0)
        maxError = {figures.maxError, figures.maxErrorIndex};
    SumsOfSegment sums;
    const auto total = [&](Sum sum) { return sumOfLanes(sums[sum].data()); };
    for (std::int64_t begin = 0; begin < values.count; begin += values.segment) {
        const std::int64_t end = std::min(values.count, begin + values.segment);
        sumSegment<HasShift, HasReference>(values, begin, end, first, shift, maxError, sums);
        const double squares = total(Squares);
        figures.sumShifted.add(total(Shifted));
        figures.sumShiftedSquares.add(HasShift ? total(ShiftedSquares) : squares);
        figures.sumSquares.add(squares);
        if (values.y != values.x) {
            figures.sumError.add(total(Error));
            figures.sumOutward.add(total(Outward));
            figures.sumSquaredError.add(total(SquaredDifference));
        }
        if (HasReference) {
            figures.referenceSquares.add(total(Reference));
            figures.referenceSquaredError.add(total(ReferenceError));
        }
    }
    if (maxError.index >= 0) {
        figures.maxError = maxError.value;
        figures.maxErrorIndex = maxError.index;
    }
}

void AddSums(const SegmentValues& values, std::int64_t first, Figures& figures) {
    const bool hasShift = figures.linearRange.shift() != 0;
    if (hasShift && values.reference)
        sumSegments<true, true>(values, first, figures);
    else if (hasShift)
        sumSegments<true, false>(values, first, figures);
    else if (values.reference)
        sumSegments<false, true>(values, first, figures);
    else
        sumSegments<false, false>(values, first, figures);
}

void AddSquaredError(const SegmentValues& values, SquaredError& error) {
    const F64 d;
    for (std::int64_t begin = 0; begin < values.count; begin += values.segment) {
        const std::int64_t end = std::min(values.count, begin + values.segment);
        const std::int64_t whole = begin + (end - begin) / kSumLanes * kSumLanes;
        Lanes squares, squaredError;
        std::size_t finite = 0;
        for (std::int64_t i = begin; i < whole; i += kSumLanes) {
            for (std::size_t v = 0; v < kVectors; ++v) {
                const std::int64_t at = i + static_cast<std::int64_t>(v * kWidth);
                VD x = load(values.x + at);
                const auto valid = isFinite(x);
                const VD e = hn::IfThenElseZero(valid, hn::Sub(load(values.y + at), x));
                x = hn::IfThenElseZero(valid, x);
                finite += hn::CountTrue(d, valid);
                squares.add(v, hn::Mul(x, x));
                squaredError.add(v, hn::Mul(e, e));
            }
        }
        double signal[kSumLanes], noise[kSumLanes];
        squares.store(signal);
        squaredError.store(noise);
        for (std::int64_t at = whole; at < end; ++at) {
            const double x = values.x[at], e = values.y[at] - x;
            if (!std::isfinite(x))
                continue;
            signal[at - whole] += x * x;
            noise[at - whole] += e * e;
            ++finite;
        }
        error.signal.add(sumOfLanes(signal));
        error.noise.add(sumOfLanes(noise));
        error.finite += static_cast<std::int64_t>(finite);
    }
}

} // namespace fxp::quant::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fxp::quant {

HWY_EXPORT(AddSums);
HWY_EXPORT(AddSquaredError);

void addSums(const SegmentValues& values, std::int64_t first, Figures& figures) {
    HWY_DYNAMIC_DISPATCH(AddSums)(values, first, figures);
}

void addSquaredError(const SegmentValues& values, SquaredError& error) {
    HWY_DYNAMIC_DISPATCH(AddSquaredError)(values, error);
}

} // namespace fxp::quant
#endif
