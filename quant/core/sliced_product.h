#pragma once

#include "quant/core/exact_product.h"
#include "quant/core/wide_integer.h"

#include <optional>
#include <vector>

namespace fxp::quant {

/// Sums of integers as they are, 128 bits wide, of a result of that shape.
struct WideSums {
    std::vector<Int128> values;
    std::vector<std::int64_t> shape;
};

/// product.multiply(x, w) · 2^shift of integers in float64, of at most 53 significant bits each and of any magnitude:
/// float64 products of slices of them, each exact, summed in 128 bits. Absent where 126 bits do not hold the sums, or
/// not with `others` beside them, an integer of as many bits.
std::optional<WideSums> slicedProduct(const Product& product, const at::Tensor& x, const at::Tensor& w, int shift,
                                      int others);

/// As int64 [shape, 2]: low and high word.
at::Tensor wordTensor(const WideSums& sums);
/// As float64, in units of 2^−fraction, rounded to nearest.
at::Tensor doubleTensor(const WideSums& sums, int fraction);

/// The greatest |value| of a tensor; NaN where one is. 0 of none.
double largest(const at::Tensor& x);

} // namespace fxp::quant
