#pragma once

#include "quant/engine/batch.h"
#include "quant/graph/formats.h"
#include "quant/graph/program.h"

#include <functional>
#include <optional>
#include <vector>

namespace fxp::quant {

/// The batch's values under the formats: those that the batch still has, and the others computed anew; values that are
/// not `needed` may be missing. Absent when stopped.
std::optional<Tensors> valuesUnder(const Batch& batch, const Formats& formats, const std::vector<char>& needed,
                                   const std::function<bool()>& stop);

} // namespace fxp::quant
