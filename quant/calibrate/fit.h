#pragma once

#include "quant/calibrate/options.h"
#include "quant/core/integer_bits.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fxp::quant {

/// The partial format `given` completed for the values of one tensor, of which `parts` are all (its batches, uses or
/// time steps) and `range` their range, by the method and scheme of the options. `channelAxis`: where that is not
/// negative, each index of that dimension gets a scale of its own. Throws Error naming `where` when the range is not
/// finite, or the method needs T and there is none.
QType fit(const std::vector<at::Tensor>& parts, const ValueRange& range, const QType& given, Method method,
          const CalibrationOptions& options, int channelAxis, const std::string& where);

} // namespace fxp::quant
