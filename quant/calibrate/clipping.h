#pragma once

#include "quant/core/integer_bits.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace fxp::quant {

/// The range that holds the middle `percent` per cent of the finite values of all parts of one tensor, which are
/// float32; its ends are values of the tensor. Throws Error naming `where` when percent is not in (0, 100].
ValueRange percentileRange(const std::vector<at::Tensor>& parts, double percent, const std::string& where);

/// The range clipped at ± a threshold t. Of all t the one is chosen for which the values' distribution changes least
/// when it is cut into `levels` levels of magnitude: the least Σ p·log(p / q) of histograms of 2048 bins, p the values
/// with those beyond t counted into the last bin, q the levels spread over the bins in use. (Migacz, "8-bit inference
/// with TensorRT", GTC 2017.) `range` where there are as many levels as bins.
ValueRange leastDivergenceRange(const std::vector<at::Tensor>& parts, const ValueRange& range, double levels);

} // namespace fxp::quant
