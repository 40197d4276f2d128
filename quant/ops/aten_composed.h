#pragma once

#include "quant/ops/registry.h"

#include <optional>
#include <string>

namespace fxp::quant {

/// Operators of LibTorch whose own kernels fuse, reorder or reduce in a way that depends on the CPU, composed here of
/// float64 operations that IEEE 754 rounds alike everywhere, and rounded once to float32; sums are added in ascending
/// order. `base`: the operator's name without namespace and overload. Absent for any other operator, or for arguments
/// that the composition does not know. Inputs are float32.
std::optional<at::Tensor> composed(const std::string& base, const StepContext& context);

} // namespace fxp::quant
