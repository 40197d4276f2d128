#include "quant/calibrate/starting_formats.h"

namespace fxp::quant {

Formats startingFormats(const std::vector<SlotInfo>& slots, const BitBudget& bits) {
    Formats formats;
    for (const SlotInfo& slot : slots) {
        const int total = slot.role == Role::Weight ? bits.weights
                          : slot.role == Role::Bias ? bits.biases
                                                    : bits.activations;
        if (slot.optional) { // an accumulator: exact, unless the caller wants a format
            formats.push_back({bits.accumulators, std::nullopt, bits.rounding, bits.overflow, {}});
            continue;
        }
        formats.push_back({total, std::nullopt, bits.rounding, bits.overflow, {}});
    }
    return formats;
}

} // namespace fxp::quant
