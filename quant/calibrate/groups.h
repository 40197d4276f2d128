#pragma once

#include "quant/calibrate/options.h"
#include "quant/graph/formats.h"
#include "quant/graph/layer_spec.h"

#include <vector>

namespace fxp::quant {

/// Gives the slots of each group one format: T = max T, I = max I of the group, F = T − I; under high_precision only T
/// is made equal. Float and absent members are left out. Only slots marked in `among` take part.
void unifyGroups(const std::vector<LayerSpec>& layers, const std::vector<SlotInfo>& slots,
                 const CalibrationOptions& options, const std::vector<char>& among, Formats& formats);

} // namespace fxp::quant
