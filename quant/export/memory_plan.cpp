#include "quant/export/memory_plan.h"

#include "quant/core/error.h"
#include "quant/export/identifiers.h"
#include "quant/export/memory_export.h"

#include <algorithm>

namespace fxp::quant {

std::vector<std::string> slotIdentifiers(const std::vector<SlotInfo>& slots) {
    Identifiers identifiers;
    std::vector<std::string> names;
    for (const SlotInfo& slot : slots)
        names.push_back(identifiers.add(slot.path));
    return names;
}

bool isThere(const SlotInfo& slot, const QType& format) {
    return !slot.absent && !(slot.optional && !format.isComplete());
}

std::vector<TypedTensor> typedTensors(const std::vector<SlotInfo>& slots, const Formats& formats,
                                      const std::vector<std::string>& identifiers) {
    std::vector<TypedTensor> tensors;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (isThere(slots[i], formats[i]))
            tensors.push_back({slots[i].path, identifiers[i], formats[i]});
    }
    return tensors;
}

std::vector<Refusal> memoryRefusals(const std::vector<SlotInfo>& slots, const Formats& formats,
                                    const MemoryOptions& options) {
    std::vector<Refusal> refusals;
    const bool memory = !options.kinds.empty();
    for (std::size_t i = 0; i < slots.size() && i < formats.size(); ++i) {
        if (!isThere(slots[i], formats[i]))
            continue;
        const bool wanted = slots[i].parameter || (!options.golden.empty() && !formats[i].isFloat());
        const std::int64_t count = [&] {
            std::int64_t product = 1;
            for (const std::int64_t size : slots[i].shape)
                product *= size;
            return product;
        }();
        std::string why = memory && wanted ? whyNoWords(formats[i]) : std::string();
        if (why.empty() && memory && slots[i].parameter && count == 0)
            why = "has no values";
        if (!why.empty())
            refusals.push_back({slots[i].path, "memory", why});
        for (const TypesTarget target : options.types) {
            if (std::string reason = whyNoType(formats[i], target); !reason.empty())
                refusals.push_back({slots[i].path, std::string(name(target)), std::move(reason)});
        }
    }
    return refusals;
}

void refuse(const std::vector<Refusal>& refusals) {
    throw Error(listOf(refusals), "cannot be expressed there, and nothing was written",
                "give these tensors other formats, or leave them out");
}

} // namespace fxp::quant
