#pragma once

#include <ATen/core/Tensor.h>

namespace fxp::quant {

/// Whether a layer computed the same values as the operators that it replaces: no value differs by more than 1e-5 of
/// the largest finite one. NaN agrees with NaN, and an infinity with the same infinity, so that samples with such
/// values do not change what a module is recognised as. False for tensors of other shapes.
bool agrees(const at::Tensor& got, const at::Tensor& expected);

} // namespace fxp::quant
