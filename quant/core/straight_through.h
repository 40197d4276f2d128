#pragma once

#include <ATen/core/Tensor.h>

namespace fxp::quant {

/// Whether a gradient is being recorded for the tensor.
bool recordsGradient(const at::Tensor& x);

/// The straight-through estimator: forward exactly `value`, backward the gradient to `x` unchanged.
/// FIXED_POINT.md, section 3. Both of one shape. (Bengio, Léonard, Courville, "Estimating or propagating gradients
/// through stochastic neurons for conditional computation", 2013.)
at::Tensor straightThrough(const at::Tensor& x, const at::Tensor& value);

} // namespace fxp::quant
