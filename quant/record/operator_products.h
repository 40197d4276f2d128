#pragma once

#include "quant/layers/operator_layer.h"

#include <ATen/core/stack.h>

#include <optional>
#include <string>

namespace fxp::quant {

/// The operator as an exact sum of products of two of its tensors: matmul, mm, bmm, mv, einsum of two tensors, and
/// linear and addmm whose weight is computed. Absent for any other operator.
std::optional<OperatorProduct> operatorProduct(const std::string& name, const c10::Stack& arguments);

/// Whether these arguments of addmm(bias, input, weight transposed, beta, alpha) compute what linear does: both factors
/// are 1 and the bias is a vector.
bool isLinearAddmm(const c10::Stack& arguments);

} // namespace fxp::quant
