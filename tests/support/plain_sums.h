#pragma once

#include "quant/core/exact_product.h"
#include "quant/core/wide_integer.h"

#include <cmath>
#include <cstdint>

namespace fxp::test {

/// value · 2^fraction of a value on that grid.
inline quant::Int128 integerOf(float value, int fraction) {
    return static_cast<quant::Int128>(std::ldexp(static_cast<double>(value), fraction));
}

/// Σ x·w + b of one row and one column, in units of 2^−(Fx + Fw), for a bias on no finer grid.
inline quant::Int128 plainSum(const float* x, const float* w, std::int64_t terms, const quant::ProductFormats& f,
                              float bias) {
    const int fx = *f.x.fractionalBits, fw = *f.w.fractionalBits;
    quant::Int128 sum = integerOf(bias, fx + fw);
    for (std::int64_t k = 0; k < terms; ++k)
        sum += integerOf(x[k], fx) * integerOf(w[k], fw);
    return sum;
}

} // namespace fxp::test
