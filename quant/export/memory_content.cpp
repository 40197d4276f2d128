#include "quant/core/error.h"
#include "quant/export/identifiers.h"
#include "quant/export/memory_export.h"
#include "quant/export/memory_files.h"
#include "quant/export/memory_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fxp::quant {

namespace {

constexpr int kFloatBits = 24; ///< significant bits of a float32

/// Whether the value needs more bits than a float32 has, so that a run may have rounded it to fit.
bool isBeyondFloat(const MemoryTensor& tensor, const QType& type) {
    const double limit = std::ldexp(1.0, kFloatBits - *type.fractionalBits);
    const float* x = tensor.values.floats();
    return *type.totalBits > kFloatBits && std::any_of(x, x + tensor.values.count(), [limit](float value) {
        return std::abs(static_cast<double>(value)) >= limit;
    });
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

} // namespace

std::vector<std::string> MemoryContent::files() const {
    std::vector<std::string> names;
    for (const auto* tensors : {&parameters, &golden}) {
        const std::string folder = tensors == &golden ? kGoldenFolder : "";
        for (const MemoryKind kind : options.kinds) {
            if (kind == MemoryKind::CHeader) {
                if (!tensors->empty())
                    names.emplace_back(tensors == &golden ? kGoldenHeader : kWeightsHeader);
                continue;
            }
            for (const MemoryTensor& tensor : *tensors)
                names.push_back(folder + tensor.identifier + "." + std::string(name(kind)));
        }
    }
    if (!options.types.empty())
        names.emplace_back(kTypesHeader);
    names.emplace_back(kQConfigCopy);
    names.emplace_back(kSidecar);
    return names;
}

std::optional<MemoryContent> memoryContent(const Session& session, const ModelIdentity& model, const Formats& formats,
                                           const MemoryOptions& options, const RunControl& control) {
    if (options.kinds.empty() && options.types.empty())
        throw Error("", "nothing is chosen to be exported", "choose a kind of file");
    MemoryContent content{model,
                          writeQConfig(model, session.layers(), session.slots(), formats),
                          session.slots(),
                          formats,
                          slotIdentifiers(session.slots()),
                          options,
                          {},
                          {},
                          {},
                          {}};
    content.refusals = memoryRefusals(content.slots, formats, options);
    if (!content.refusals.empty() && !options.leaveOut)
        refuse(content.refusals);
    if (options.kinds.empty())
        return content;
    std::vector<char> wanted(formats.size(), 0);
    std::vector<std::string> inFloat;
    for (std::size_t i = 0; i < formats.size(); ++i) {
        const SlotInfo& slot = content.slots[i];
        if (!isThere(slot, formats[i]))
            continue;
        wanted[i] = formats[i].hasPoint() && (slot.parameter || !options.golden.empty());
        if (!slot.parameter && !options.golden.empty() && formats[i].isFloat())
            inFloat.push_back(slot.path);
    }
    auto values = session.slotValues(formats, wanted, options.golden, control);
    if (!values)
        return std::nullopt;

    Identifiers further; // of further uses: after all slots, so that slots have the same names without them
    for (const SlotInfo& slot : content.slots)
        further.add(slot.path);
    std::vector<std::string> rounded, whole;
    for (SlotValues& value : *values) {
        const SlotInfo& slot = content.slots[value.slot];
        const bool again = value.use > 0;
        if ((slot.parameter && again) || value.values.count() == 0) // a layer that runs twice has one weight
            continue;
        std::string identifier =
            again ? further.add(slot.path + "_use_" + std::to_string(value.use + 1)) : content.identifiers[value.slot];
        MemoryTensor tensor{value.slot, value.use, value.dimension, std::move(identifier), std::move(value.values)};
        if (!slot.parameter && isBeyondFloat(tensor, formats[value.slot]))
            rounded.push_back(slot.path);
        (slot.parameter ? content.parameters : content.golden).push_back(std::move(tensor));
    }
    if (!inFloat.empty())
        content.notes.push_back("No golden vectors of tensors that stay float: " + joined(inFloat) + ".");
    if (!rounded.empty())
        content.notes.push_back(
            "Words beyond 24 bits are those of the run, whose tensors have float32's 24 significant "
            "bits: " +
            joined(rounded) + ".");
    if (std::ranges::any_of(content.golden, [](const MemoryTensor& tensor) { return tensor.dimension < -1; })) {
        content.options.golden.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, session.sampleCount())));
        std::iota(content.options.golden.begin(), content.options.golden.end(), std::int64_t{0});
        content.notes.push_back("The samples cannot be told apart, and golden vectors hold all of them.");
    }
    return content;
}

} // namespace fxp::quant
