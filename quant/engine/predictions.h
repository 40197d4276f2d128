#pragma once

#include "quant/engine/run_result.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// The classes of an output, given in parts by batch, whose samples lie along `dimension`. No classes where it is not
/// [samples, classes] with `count` rows, and no labels where they are not as many; the note then says why.
Predictions predict(const std::vector<at::Tensor>& fromFloat, const std::vector<at::Tensor>& fromQuantized,
                    int dimension, std::int64_t count, const std::vector<std::int32_t>& labels);

} // namespace fxp::quant
