#pragma once

#include "quant/export/fixed_types.h"
#include "quant/export/refusal.h"
#include "quant/graph/formats.h"
#include "quant/graph/layer_spec.h"

#include <string>
#include <vector>

namespace fxp::quant {

/// The names of all slots in all targets, by slot; the same for every choice of what is exported.
std::vector<std::string> slotIdentifiers(const std::vector<SlotInfo>& slots);

/// Whether the slot is a tensor of the model at all: not one that its layer lacks, nor an accumulator without a format.
bool isThere(const SlotInfo& slot, const QType& format);

/// The slots that are there, as `types.h` has them.
std::vector<TypedTensor> typedTensors(const std::vector<SlotInfo>& slots, const Formats& formats,
                                      const std::vector<std::string>& identifiers);

/// Throws Error with all refusals.
[[noreturn]] void refuse(const std::vector<Refusal>& refusals);

} // namespace fxp::quant
