#pragma once

#include "quant/core/straight_through.h"

#include <ATen/core/Tensor.h>

namespace fxp::quant {

/// Whether a float32 kernel can read the tensor, or the tensor is undefined: an optional argument that is left out. For
/// other element types, and where a gradient is recorded, the at:: operator runs instead.
inline bool isReadable(const at::Tensor& x) {
    return !x.defined() || (x.scalar_type() == at::kFloat && x.device().is_cpu() && x.layout() == at::kStrided &&
                            !x.is_neg() && !recordsGradient(x));
}

} // namespace fxp::quant
