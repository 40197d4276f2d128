#pragma once

#include "quant/core/exact_product.h"
#include "quant/core/wide_integer.h"

#include <optional>
#include <vector>

namespace fxp::quant {

/// Exact sums in 128-bit integers, for a result of that shape.
struct WideSums {
    std::vector<Int128> values;
    std::vector<std::int64_t> shape;
};

/// product.multiply(x, w) · 2^shift, exactly, for integers x and w in float64 of at most 53 significant bits each and
/// of any magnitude. The operands are cut into slices, whose float64 products are exact, and these are summed in 128
/// bits. Absent where 126 bits do not hold the sums, or do not hold them plus a further summand of `others` bits (the
/// bias).
std::optional<WideSums> slicedProduct(const Product& product, const at::Tensor& x, const at::Tensor& w, int shift,
                                      int others);

/// As int64 [shape, 2]: low and high word.
at::Tensor wordTensor(const WideSums& sums);
/// As float64, in units of 2^−fraction, rounded to nearest.
at::Tensor doubleTensor(const WideSums& sums, int fraction);

/// The greatest |value| of a tensor; NaN where a value is NaN, 0 where there are no values.
double largest(const at::Tensor& x);

} // namespace fxp::quant
