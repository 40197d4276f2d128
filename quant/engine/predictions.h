#pragma once

#include "quant/engine/run_result.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// The predicted classes of an output, whose parts, one per batch, have the samples along `dimension`. There are no
/// classes where the output is not [samples, classes] with `count` rows, and no labels where their number differs from
/// `count`; the note then gives the reason.
Predictions predict(const std::vector<at::Tensor>& fromFloat, const std::vector<at::Tensor>& fromQuantized,
                    int dimension, std::int64_t count, const std::vector<std::int32_t>& labels);

} // namespace fxp::quant
