#include "quant/ops/builder.h"

#include "quant/core/error.h"
#include "quant/ops/divisors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <string_view>

namespace fxp::quant {

/// By step: whether it is needed, because it quantizes a slot, or because such a step, the log or the caller reads its
/// results.
std::vector<char> Builder::neededSteps(const std::vector<Value>& outputs) const {
    std::vector<char> read(m_tensors.size(), 0), needed(m_steps.size(), 0);
    const auto mark = [&read](ValueId value) {
        if (value != kAbsent)
            read[static_cast<std::size_t>(value)] = 1;
    };
    for (const Value output : outputs)
        mark(output.id);
    for (const LogEntry& entry : m_log)
        mark(entry.value);
    for (std::size_t i = m_steps.size(); i-- > 0;) {
        const Step& step = m_steps[i].step;
        const bool isRead = std::ranges::any_of(
            step.outputs, [&](ValueId output) { return read[static_cast<std::size_t>(output)] != 0; });
        needed[i] = isRead || !step.sites.empty();
        if (needed[i])
            std::ranges::for_each(step.inputs, mark);
    }
    return needed;
}

void Builder::setDataDependent(const std::vector<Value>& values, const std::string& where, const std::string& what) {
    m_dataDependent = true;
    const std::string place = (where.empty() ? "(model)" : where) + (m_source.empty() ? "" : " at " + m_source);
    for (const Value value : values)
        m_numbersRead.emplace_back(value.id, place + ": " + what + " reads computed values; numbers, branches and " +
                                                 "shapes that follow from them stay those of the float run");
}

/// What numbers were read from values that formats change.
std::vector<std::string> Builder::notes() const {
    std::vector<char> quantized(m_tensors.size(), 0);
    for (const OpenStep& open : m_steps) {
        const bool own = !open.step.sites.empty() || !open.step.formats.empty() || !open.formatPaths.empty() ||
                         !open.sitePaths.empty();
        const bool any = own || std::ranges::any_of(open.step.inputs, [&](ValueId input) {
                             return input != kAbsent && quantized[static_cast<std::size_t>(input)] != 0;
                         });
        for (const ValueId output : open.step.outputs)
            quantized[static_cast<std::size_t>(output)] = any;
    }
    std::vector<std::string> notes;
    for (const auto& [value, note] : m_numbersRead) {
        if (quantized[static_cast<std::size_t>(value)] != 0 && std::ranges::find(notes, note) == notes.end())
            notes.push_back(note);
    }
    return notes;
}

Builder::SlotsByPath Builder::slotsByPath() const {
    SlotsByPath slots;
    slots.reserve(m_slots.size());
    for (const SlotInfo& slot : m_slots) {
        const auto [place, fresh] = slots.try_emplace(slot.path, &slot);
        const SlotInfo& known = *place->second;
        if (known.layerType != slot.layerType || known.layerPath != slot.layerPath || known.role != slot.role)
            throw Error(slot.path, "two tensors of the model would get this path",
                        "give the modules of the model names of their own");
        if (!fresh && !slot.absent)
            place->second = &slot;
    }
    return slots;
}

Builder::Finished Builder::finish(const std::vector<Value>& outputs) const {
    Finished finished;
    Program& program = finished.program;
    const std::vector<char> needed = neededSteps(outputs);
    std::vector<char> read(m_tensors.size(), 0);
    const auto mark = [&read](ValueId value) {
        if (value != kAbsent)
            read[static_cast<std::size_t>(value)] = 1;
    };
    for (std::size_t i = 0; i < m_steps.size(); ++i) {
        if (needed[i])
            std::ranges::for_each(m_steps[i].step.inputs, mark);
    }
    for (const Value output : outputs)
        mark(output.id);
    for (const LogEntry& entry : m_log)
        mark(entry.value);

    finished.renumbered.assign(m_tensors.size(), kAbsent);
    const auto keep = [&](ValueId value) {
        ValueId& number = finished.renumbered[static_cast<std::size_t>(value)];
        if (number == kAbsent) {
            number = program.valueCount++;
            finished.values.push_back(tensor({value}));
        }
        return number;
    };
    const auto numberOf = [&](ValueId value) {
        return value == kAbsent ? kAbsent : finished.renumbered[static_cast<std::size_t>(value)];
    };
    for (const ValueId input : m_inputs)
        program.inputs.push_back(keep(input));
    for (const ValueId constant : m_constants) {
        if (read[static_cast<std::size_t>(constant)])
            program.constants.emplace_back(keep(constant), tensor({constant}));
    }

    const SlotsByPath slots = slotsByPath();
    std::unordered_map<std::string_view, SlotId> ids;
    ids.reserve(slots.size());
    const auto slotOf = [&](const std::string& path) {
        const auto known = slots.find(path);
        if (known == slots.end())
            throw Error(path, "no slot of this path was declared", "report the model");
        const auto [place, fresh] = ids.try_emplace(known->first, static_cast<SlotId>(program.slots.size()));
        if (fresh)
            program.slots.push_back(*known->second);
        return place->second;
    };
    for (std::size_t i = 0; i < m_steps.size(); ++i) {
        if (!needed[i])
            continue;
        Step step = m_steps[i].step;
        for (ValueId& input : step.inputs)
            input = numberOf(input);
        for (ValueId& output : step.outputs)
            output = keep(output);
        for (std::size_t site = 0; site < step.sites.size(); ++site)
            step.sites[site] = {slotOf(m_steps[i].sitePaths[site]), numberOf(step.sites[site].before),
                                numberOf(step.sites[site].after)};
        program.steps.push_back(std::move(step));
    }
    // A step's own slots get their numbers before slots of other steps whose formats it reads.
    std::size_t next = 0;
    for (std::size_t i = 0; i < m_steps.size(); ++i) {
        if (!needed[i])
            continue;
        std::vector<SlotId>& formats = program.steps[next++].formats;
        formats.clear();
        for (const std::string& path : m_steps[i].formatPaths)
            formats.push_back(slotOf(path));
    }

    std::unordered_map<std::string_view, const LayerSpec*> known; // one that is called more than once is one layer
    for (const LayerSpec& layer : m_layers) {
        const auto [place, fresh] = known.try_emplace(layer.name, &layer);
        if (fresh)
            program.layers.push_back(layer);
        else if (!(*place->second == layer))
            throw Error(layer.name, "two layers of the model would get this path",
                        "give the modules of the model names of their own");
    }
    const std::function<void(const LayerSpec&, const std::string&)> addAbsent = [&](const LayerSpec& spec,
                                                                                    const std::string& path) {
        for (const LayerSpec& member : spec.members) {
            const std::string memberPath = joinPath(path, member.name);
            if (!member.isSlot())
                addAbsent(member, memberPath);
            else
                slotOf(memberPath);
        }
    };
    for (const LayerSpec& layer : program.layers)
        addAbsent(layer, layer.name);

    program.log = m_log;
    for (LogEntry& entry : program.log)
        entry.value = numberOf(entry.value);
    for (const Value output : outputs)
        program.outputs.push_back(numberOf(output.id));
    program.dataDependent = m_dataDependent;
    program.notes = notes();
    markDivisors(program);
    return finished;
}

} // namespace fxp::quant
