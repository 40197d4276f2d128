#pragma once

#include "quant/core/comparison.h"
#include "quant/engine/places.h"
#include "quant/engine/run_result.h"
#include "quant/graph/layer_spec.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fxp::quant {

/// RunResult::outputs, from the parts and the comparison of each.
std::vector<OutputResult> summarizeOutputs(const Program& program, const std::vector<std::vector<at::Tensor>>& outputs,
                                           const std::vector<Comparison>& comparisons);

/// RunResult::warnings of a result that has all its figures; `places` are those of the program that gave it.
std::vector<std::string> findZeroDivisors(const RunResult& result, const std::vector<Place>& places,
                                          const std::vector<SlotInfo>& slots);

/// RunResult::collapse of such a result.
std::string findCollapse(const RunResult& result, const std::vector<Place>& places, const std::vector<SlotInfo>& slots);

} // namespace fxp::quant
