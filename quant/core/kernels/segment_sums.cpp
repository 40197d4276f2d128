#include "quant/core/kernels/block.h"

#include <algorithm>
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
    HWY_INLINE double total() const {
        double lanes[kSumLanes];
        for (std::size_t v = 0; v < kVectors; ++v)
            hn::StoreU(vectors[v], F64(), lanes + v * kWidth);
        return sumOfLanes(lanes);
    }
};

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

/// Fewer than eight elements, filled up with values that no sum counts.
struct Tail {
    Tail(const SegmentValues& values, std::int64_t begin, std::int64_t count) {
        for (std::size_t lane = 0; lane < kSumLanes; ++lane) {
            const bool isThere = static_cast<std::int64_t>(lane) < count;
            const std::int64_t at = begin + static_cast<std::int64_t>(lane);
            x[lane] = isThere ? values.x[at] : std::numeric_limits<float>::quiet_NaN();
            y[lane] = isThere ? values.y[at] : std::numeric_limits<float>::quiet_NaN();
            reference[lane] = isThere && values.reference ? values.reference[at] : 0;
        }
    }
    float x[kSumLanes], y[kSumLanes], reference[kSumLanes];
};

/// Calls visit(x, y, reference, index of the first) for each eight elements of a segment.
template <class Visit>
HWY_INLINE void forEachEight(const SegmentValues& values, std::int64_t begin, std::int64_t end, Visit visit) {
    constexpr std::int64_t kStep = kSumLanes;
    std::int64_t i = begin;
    for (; i + kStep <= end; i += kStep)
        visit(values.x + i, values.y + i, values.reference ? values.reference + i : nullptr, i);
    if (i < end) {
        const Tail tail(values, i, end - i);
        visit(tail.x, tail.y, tail.reference, i);
    }
}

/// The sums of a segment, eight lanes each.
template <bool HasShift, bool HasReference> class SegmentSums {
  public:
    SegmentSums(double shift, const MaxError& greatest)
        : m_shift(hn::Set(F64(), shift)), m_largest(hn::Set(F64(), greatest.value)) {}

    HWY_INLINE void add(const float* xs, const float* ys, const float* references, std::int64_t index,
                        MaxError& greatest) {
        const F64 d;
        auto isBelow = hn::FirstN(d, kWidth);
        for (std::size_t v = 0; v < kVectors; ++v) {
            const VD y = load(ys + v * kWidth);
            VD x = load(xs + v * kWidth);
            const auto valid = isFinite(x);
            const VD e = hn::IfThenElseZero(valid, hn::Sub(y, x));
            x = hn::IfThenElseZero(valid, x);
            m_squares.add(v, hn::Mul(x, x));
            if constexpr (HasShift) {
                const VD moved = hn::IfThenElseZero(valid, hn::Sub(x, m_shift));
                m_shifted.add(v, moved);
                m_shiftedSquares.add(v, hn::Mul(moved, moved));
            } else {
                m_shifted.add(v, x);
            }
            m_error.add(v, e);
            m_outward.add(v, hn::Xor(e, hn::And(x, hn::SignBit(d))));
            m_squaredError.add(v, hn::Mul(e, e));
            isBelow = hn::And(isBelow, hn::Le(hn::Abs(e), m_largest));
            if constexpr (HasReference) {
                const VD r = load(references + v * kWidth);
                const auto both = hn::And(isFinite(r), isFinite(y));
                const VD signal = hn::IfThenElseZero(both, r), noise = hn::IfThenElseZero(both, hn::Sub(y, r));
                m_reference.add(v, hn::Mul(signal, signal));
                m_referenceError.add(v, hn::Mul(noise, noise));
            }
        }
        // An error greater than all before it is rare after the first few elements. A NaN error also fails this
        // comparison, and is found below.
        if (HWY_UNLIKELY(!hn::AllTrue(d, isBelow))) {
            for (std::size_t lane = 0; lane < kSumLanes; ++lane) {
                if (std::isfinite(xs[lane]))
                    greatest.see(std::abs(static_cast<double>(ys[lane]) - xs[lane]),
                                 index + static_cast<std::int64_t>(lane));
            }
            m_largest = hn::Set(d, greatest.value);
        }
    }

    HWY_INLINE void addTo(Figures& figures, bool hasErrors) const {
        const double squares = m_squares.total();
        figures.sumShifted.add(m_shifted.total());
        figures.sumShiftedSquares.add(HasShift ? m_shiftedSquares.total() : squares);
        figures.sumSquares.add(squares);
        if (hasErrors) {
            figures.sumError.add(m_error.total());
            figures.sumOutward.add(m_outward.total());
            figures.sumSquaredError.add(m_squaredError.total());
        }
        if (HasReference) {
            figures.referenceSquares.add(m_reference.total());
            figures.referenceSquaredError.add(m_referenceError.total());
        }
    }

  private:
    VD m_shift, m_largest;
    Lanes m_shifted, m_shiftedSquares, m_squares, m_error, m_outward, m_squaredError, m_reference, m_referenceError;
};

template <bool HasShift, bool HasReference>
void sumSegments(const SegmentValues& values, std::int64_t first, Figures& figures) {
    MaxError greatest;
    if (figures.maxErrorIndex >= 0)
        greatest = {figures.maxError, figures.maxErrorIndex};
    for (std::int64_t begin = 0; begin < values.count; begin += values.segment) {
        SegmentSums<HasShift, HasReference> sums(figures.linearRange.shift(), greatest);
        forEachEight(values, begin, std::min(values.count, begin + values.segment),
                     [&](const float* x, const float* y, const float* reference, std::int64_t index)
                         HWY_ATTR { sums.add(x, y, reference, first + index, greatest); });
        sums.addTo(figures, values.y != values.x);
    }
    if (greatest.index >= 0) {
        figures.maxError = greatest.value;
        figures.maxErrorIndex = greatest.index;
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
    for (std::int64_t begin = 0; begin < values.count; begin += values.segment) {
        Lanes signal, noise;
        forEachEight(values, begin, std::min(values.count, begin + values.segment),
                     [&](const float* xs, const float* ys, const float*, std::int64_t) HWY_ATTR {
                         for (std::size_t v = 0; v < kVectors; ++v) {
                             VD x = load(xs + v * kWidth);
                             const auto valid = isFinite(x);
                             const VD e = hn::IfThenElseZero(valid, hn::Sub(load(ys + v * kWidth), x));
                             x = hn::IfThenElseZero(valid, x);
                             signal.add(v, hn::Mul(x, x));
                             noise.add(v, hn::Mul(e, e));
                         }
                     });
        error.signal.add(signal.total());
        error.noise.add(noise.total());
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
