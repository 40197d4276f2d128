#include "quant/core/kernels/functions_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/core/kernels/functions_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "quant/core/kernels/float64_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fxp::quant::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::Rebind<float, F64>; // as many lanes
constexpr std::int64_t kSums = 8;

std::int64_t lanes() {
    return static_cast<std::int64_t>(hn::Lanes(F64()));
}

HWY_INLINE VD load(const float* x) {
    return hn::PromoteTo(F64(), hn::LoadU(F32(), x));
}

/// Rounds once. NaN loses sign and payload, which differ between instruction sets.
HWY_INLINE void store(VD y, float* to) {
    const VD clean = hn::IfThenElse(hn::Eq(y, y), y, notANumber());
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
    // DemoteTo saturates where the value is too large, but the result must be infinite.
    double values[hn::MaxLanes(F64())];
    hn::StoreU(clean, F64(), values);
    for (std::size_t i = 0; i < hn::Lanes(F64()); ++i)
        to[i] = static_cast<float>(values[i]);
#else
    hn::StoreU(hn::DemoteTo(F32(), clean), F32(), to);
#endif
}

/// y_i = f(x_i, i, lane count), `f` from vector to vector. The last elements pass through the same operations as the
/// others, in a buffer.
template <class F> void map(const float* x, float* y, std::int64_t count, const F& f) {
    const std::int64_t step = lanes();
    std::int64_t i = 0;
    for (; i + step <= count; i += step)
        store(f(load(x + i)), y + i);
    if (i == count)
        return;
    float in[kSums] = {}, out[kSums];
    std::copy(x + i, x + count, in);
    store(f(load(in)), out);
    std::copy(out, out + (count - i), y + i);
}

/// As map, but a NaN argument gives NaN, whatever `f` computes of it.
template <class F> void mapNumbers(const float* x, float* y, std::int64_t count, const F& f) {
    map(x, y, count, [&](VD v) HWY_ATTR { return hn::IfThenElse(hn::Eq(v, v), f(v), v); });
}

void Evaluate(Function function, const float* x, float* y, std::int64_t count, const SoftplusShape& shape) {
    switch (function) {
    case Function::Exp: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return expOf(v); });
    case Function::Log: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return logOf(v); });
    case Function::Sin: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return sineOf(v, 0); });
    case Function::Cos: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return sineOf(v, 1); });
    case Function::Tanh: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return tanhOf(v); });
    case Function::Erf: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return erfOf(v); });
    case Function::Rsqrt: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return hn::Div(number(1), hn::Sqrt(v)); });
    case Function::Sigmoid: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return sigmoidOf(v); });
    case Function::Silu: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return gated(v, v); });
    case Function::Gelu: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return geluOf(v); });
    case Function::GeluTanh: return mapNumbers(x, y, count, [](VD v) HWY_ATTR { return geluTanhOf(v); });
    case Function::Softplus: return mapNumbers(x, y, count, [&](VD v) HWY_ATTR { return softplusOf(v, shape); });
    }
}

/// Eight sums, element i in sum i mod 8, whatever the vector's width.
template <class Term> double sumOf(std::int64_t count, const Term& term) {
    constexpr std::size_t kVectors = static_cast<std::size_t>(kSums) / hn::MaxLanes(F64());
    const F64 d;
    const std::int64_t step = lanes();
    VD sums[kVectors];
    for (VD& sum : sums)
        sum = hn::Zero(d);
    for (std::int64_t i = 0; i < count; i += kSums) {
        std::int64_t at = i;
        for (VD& sum : sums) {
            sum = hn::Add(sum, term(at));
            at += step;
        }
    }
    double s[kSums];
    for (std::size_t i = 0; i < kVectors; ++i)
        hn::StoreU(sums[i], d, s + static_cast<std::int64_t>(i) * step);
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/// Elements of a buffer for one row: the columns, rounded up to a multiple of eight.
std::size_t padded(std::int64_t columns) {
    return static_cast<std::size_t>((columns + kSums - 1) / kSums * kSums);
}

/// to[i] = f(x[i]); zeros fill the last group of eight.
template <class F> void widen(const float* x, std::int64_t count, double* to, const F& f) {
    const F64 d;
    const std::int64_t step = lanes();
    std::int64_t i = 0;
    for (; i + step <= count; i += step)
        hn::StoreU(f(load(x + i)), d, to + i);
    const auto end = static_cast<std::int64_t>(padded(count));
    if (i < count) {
        float in[kSums] = {};
        std::copy(x + i, x + count, in);
        hn::StoreU(f(load(in)), d, to + i);
    }
    std::fill(to + count, to + end, 0.0);
}

/// The greatest element; undefined where an element is NaN.
float greatestOf(const float* x, std::int64_t count) {
    const hn::ScalableTag<float> d;
    const auto step = static_cast<std::int64_t>(hn::Lanes(d));
    float greatest = -std::numeric_limits<float>::infinity();
    std::int64_t i = 0;
    if (count >= step) {
        auto most = hn::LoadU(d, x);
        for (i = step; i + step <= count; i += step)
            most = hn::Max(most, hn::LoadU(d, x + i));
        greatest = hn::GetLane(hn::MaxOfLanes(d, most));
    }
    for (; i < count; ++i)
        greatest = std::max(greatest, x[i]);
    return greatest;
}

void SoftmaxRows(const float* x, float* y, std::int64_t rows, std::int64_t columns, bool logarithm) {
    const F64 d;
    std::vector<double> powers(padded(columns));
    for (std::int64_t row = 0; row < rows; ++row, x += columns, y += columns) {
        const float greatest = greatestOf(x, columns);
        const VD most = number(greatest);
        widen(x, columns, powers.data(), [&](VD v) HWY_ATTR {
            const VD below = hn::Sub(v, most);
            return hn::IfThenElse(hn::Eq(below, below), expOf(below), below);
        });
        if (logarithm && std::isfinite(greatest)) {
            // The greatest term is exactly 1 and is left out: where the sum is nearly 1, the other terms alone keep
            // their digits.
            const float* at = std::find(x, x + columns, greatest);
            if (at != x + columns)
                powers[static_cast<std::size_t>(at - x)] = 0;
        }
        const double sum = sumOf(columns, [&](std::int64_t i) HWY_ATTR { return hn::LoadU(d, powers.data() + i); });
        if (logarithm) {
            const VD rest = number(sum);
            VD log = sum <= 1 ? log1pOf(rest) : logOf(hn::Add(rest, number(1)));
            log = hn::IfThenElse(hn::Eq(rest, rest), log, rest);
            map(x, y, columns, [&](VD v) HWY_ATTR { return hn::Sub(hn::Sub(v, most), log); });
        } else {
            const VD inverse = number(1 / sum);
            const std::int64_t step = lanes();
            std::int64_t i = 0;
            for (; i + step <= columns; i += step)
                store(hn::Mul(hn::LoadU(d, powers.data() + i), inverse), y + i);
            if (i < columns) {
                float out[kSums];
                store(hn::Mul(hn::LoadU(d, powers.data() + i), inverse), out);
                std::copy(out, out + (columns - i), y + i);
            }
        }
    }
}

/// Σ f(x_i); f of what lies behind the row's end does not count.
template <class F> double sumOfRow(const float* x, std::int64_t columns, const F& f) {
    const std::int64_t whole = columns / kSums * kSums;
    double rest[kSums] = {};
    if (whole < columns)
        widen(x + whole, columns - whole, rest, f);
    return sumOf(columns, [&](std::int64_t i)
                              HWY_ATTR { return i < whole ? f(load(x + i)) : hn::LoadU(F64(), rest + (i - whole)); });
}

float narrowed(double value) {
    return std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(value);
}

double meanOf(const float* x, std::int64_t columns) {
    return sumOfRow(x, columns, [](VD v) HWY_ATTR { return v; }) / static_cast<double>(columns);
}

void MeanRows(const float* x, float* y, std::int64_t rows, std::int64_t columns) {
    for (std::int64_t row = 0; row < rows; ++row)
        y[row] = narrowed(meanOf(x + row * columns, columns));
}

void VarianceRows(const float* x, float* y, std::int64_t rows, std::int64_t columns) {
    for (std::int64_t row = 0; row < rows; ++row) {
        const VD mean = number(meanOf(x + row * columns, columns));
        const double sum = sumOfRow(x + row * columns, columns, [&](VD v) HWY_ATTR {
            const VD difference = hn::Sub(v, mean);
            return hn::Mul(difference, difference);
        });
        y[row] = narrowed(sum / static_cast<double>(columns));
    }
}

void NormalizeRows(const float* x, const float* mean, const float* variance, double eps, float* y, std::int64_t rows,
                   std::int64_t columns) {
    for (std::int64_t row = 0; row < rows; ++row) {
        const VD center = number(mean[row]), deviation = number(std::sqrt(variance[row] + eps));
        map(x + row * columns, y + row * columns, columns,
            [&](VD v) HWY_ATTR { return hn::Div(hn::Sub(v, center), deviation); });
    }
}

void NormalizeElements(const float* x, const float* mean, const float* variance, double eps, float* y,
                       std::int64_t count) {
    const std::int64_t step = lanes();
    const VD more = number(eps);
    const auto at = [&](const float* v, const float* m, const float* s, float* to)
                        HWY_ATTR { store(hn::Div(hn::Sub(load(v), load(m)), hn::Sqrt(hn::Add(load(s), more))), to); };
    std::int64_t i = 0;
    for (; i + step <= count; i += step)
        at(x + i, mean + i, variance + i, y + i);
    float v[kSums] = {}, m[kSums] = {}, s[kSums] = {}, out[kSums];
    std::copy(x + i, x + count, v);
    std::copy(mean + i, mean + count, m);
    std::copy(variance + i, variance + count, s);
    at(v, m, s, out);
    std::copy(out, out + (count - i), y + i);
}

} // namespace fxp::quant::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fxp::quant {

HWY_EXPORT(Evaluate);
HWY_EXPORT(SoftmaxRows);
HWY_EXPORT(MeanRows);
HWY_EXPORT(VarianceRows);
HWY_EXPORT(NormalizeRows);
HWY_EXPORT(NormalizeElements);

void evaluate(Function function, const float* x, float* y, std::int64_t count, const SoftplusShape& shape) {
    HWY_DYNAMIC_DISPATCH(Evaluate)(function, x, y, count, shape);
}

void softmaxRows(const float* x, float* y, std::int64_t rows, std::int64_t columns, bool logarithm) {
    HWY_DYNAMIC_DISPATCH(SoftmaxRows)(x, y, rows, columns, logarithm);
}

void meanRows(const float* x, float* y, std::int64_t rows, std::int64_t columns) {
    HWY_DYNAMIC_DISPATCH(MeanRows)(x, y, rows, columns);
}

void varianceRows(const float* x, float* y, std::int64_t rows, std::int64_t columns) {
    HWY_DYNAMIC_DISPATCH(VarianceRows)(x, y, rows, columns);
}

void normalizeRows(const float* x, const float* mean, const float* variance, double eps, float* y, std::int64_t rows,
                   std::int64_t columns) {
    HWY_DYNAMIC_DISPATCH(NormalizeRows)(x, mean, variance, eps, y, rows, columns);
}

void normalizeElements(const float* x, const float* mean, const float* variance, double eps, float* y,
                       std::int64_t count) {
    HWY_DYNAMIC_DISPATCH(NormalizeElements)(x, mean, variance, eps, y, count);
}

} // namespace fxp::quant
#endif
