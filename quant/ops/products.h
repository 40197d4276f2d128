#pragma once

#include "quant/core/exact_product.h"
#include "quant/ops/operator_table.h"

#include <optional>
#include <string>

namespace fxp::quant {

/// The operators that sum products. Each gives one result, the exact sum (exactSum, core/exact_product.h): float32,
/// float64, or int64 [..., 2]; quantize_sum quantizes it to the formats that follow. Formats: those of x, w and, where
/// there is a bias, bias.
///  - `linear`: x, w, bias: x · wᵀ + bias; x: [..., K], w: [N, K]
///  - `convolution`: x, w, bias, stride, padding, dilation, transposed, output_padding, groups, as in floatConvolution;
///    x may lack the dimension of the batch
///  - `matmul`: x, w, bias: at::matmul's shapes; the bias is added along the last dimension
///  - `matmul_transposed`: x, w: x · wᵀ over the last two dimensions
///  - `einsum`: x, w, equation: contractedTerms() must know it
///  - `quantize_sum`: sum, bias (whether there is one): three results: the sum rounded to float32, quantized to the
///    accumulator's format, and quantized to the activation's. Formats: x, w, accumulator, activation and, where there
///    is a bias, bias.
void addProductOperators(OperatorTable& operators);
void addQuantizeSum(OperatorTable& operators);

/// x · wᵀ with w: [out, in].
Product linearProduct(const at::Tensor& w);

/// K of an einsum of two operands: the product of the extents of the letters that the result does not have. Absent
/// where the equation is not written in letters and an arrow, or has a letter twice in one operand.
std::optional<std::int64_t> contractedTerms(const std::string& equation, const at::Tensor& x, const at::Tensor& w);

} // namespace fxp::quant
