#pragma once

#include "quant/graph/formats.h"
#include "quant/graph/layer_spec.h"

#include <vector>

namespace fxp::quant {

/// Total bits by role, and the method, that calibration starts from.
struct BitBudget {
    int weights = 8, activations = 8, biases = 16;
    Rounding rounding = Rounding::Round;
    Overflow overflow = Overflow::Saturate;
    std::optional<int> accumulators = std::nullopt; ///< absent: sums stay exact
};

/// A partial format for every slot: T by its role, F open.
Formats startingFormats(const std::vector<SlotInfo>& slots, const BitBudget& bits);

} // namespace fxp::quant
