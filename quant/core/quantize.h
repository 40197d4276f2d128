#pragma once

#include "quant/core/figures.h"
#include "quant/core/qtype.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace fxp::quant {

/// quantize(x) of FIXED_POINT.md, section 1: a contiguous float32 tensor of x's shape; x itself where the format is
/// float. Where a gradient is recorded, it passes to x unchanged (section 3). Throws Error naming `where` when the
/// format is partial or x is not float32. `firstIndex`: the index of x's first element among the elements of all
/// samples, which STOCHASTIC draws by.
at::Tensor quantize(const at::Tensor& x, const QType& type, const std::string& where, std::uint64_t seed = 0,
                    std::int64_t firstIndex = 0);

/// The least and greatest finite value; 0 … 0 for an empty tensor. x: float32, any shape.
ValueRange valueRange(const at::Tensor& x);

} // namespace fxp::quant
