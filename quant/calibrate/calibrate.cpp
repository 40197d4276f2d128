#include "quant/calibrate/calibrate.h"

#include "quant/calibrate/fit.h"
#include "quant/calibrate/groups.h"
#include "quant/core/error.h"
#include "quant/core/quantize.h"

#include <ATen/ATen.h>

#include <limits>
#include <numbers>

namespace fxp::quant {

namespace {

/// The dimension of a weight's output channels; −1 where it gets one scale for all.
int channelAxis(const SlotInfo& slot, const CalibrationOptions& options) {
    if (!options.perChannelWeights || slot.role != Role::Weight || slot.shape.size() < 2)
        return -1;
    return slot.layerType.starts_with("conv_transpose") ? 1 : 0;
}

/// How many steps still read each value, for every batch alike.
std::vector<int> readers(const Program& program) {
    std::vector<int> counts(static_cast<std::size_t>(program.valueCount), 0);
    for (const Node& node : program.nodes) {
        for (const ValueId input : node.inputs) {
            if (input != kAbsent)
                ++counts[static_cast<std::size_t>(input)];
        }
    }
    return counts;
}

struct Progress {
    std::shared_ptr<const Program> program;
    Tensors values;
    std::vector<int> readersLeft;
};

Tensors inputsOf(const Progress& one, const Node& node) {
    Tensors in;
    for (const ValueId input : node.inputs)
        in.push_back(input == kAbsent ? at::Tensor() : one.values[static_cast<std::size_t>(input)]);
    return in;
}

at::Tensor valueBefore(const Progress& one, std::size_t index, const Site& site, const Formats& formats) {
    const Node& node = one.program->nodes[index];
    if (node.isQuantize())
        return one.values[static_cast<std::size_t>(node.inputs[0])];
    const Tensors out = evaluate(node, inputsOf(one, node), &formats);
    return out[static_cast<std::size_t>(site.before - node.outputs[0])];
}

/// A softmax's input with masked scores, −∞, brought to where T bits cannot tell their weight from zero: ln(2) · (T +
/// 1) below the largest score. What saturates there is masked still, and what is calibrated without them is not.
void boundMaskedScores(const SlotInfo& slot, const QType& given, Tensors& parts) {
    if (slot.name != "input" || (slot.layerType != "softmax" && slot.layerType != "log_softmax"))
        return;
    constexpr int kFloatBits = 24;
    const double depth = std::numbers::ln2 * (given.totalBits.value_or(kFloatBits) + 1);
    for (at::Tensor& part : parts) {
        const at::Tensor masked = part.eq(-std::numeric_limits<float>::infinity());
        if (masked.any().item<bool>())
            part = part.masked_fill(masked, valueRange(part).high - depth);
    }
}

void fillParameters(const Program& program, const CalibrationOptions& options, Formats& formats) {
    std::vector<char> filled(formats.size(), 0);
    for (const Node& node : program.nodes) {
        if (!node.isQuantize())
            continue;
        const auto slot = static_cast<std::size_t>(node.sites[0].slot);
        if (!program.slots[slot].parameter || !formats[slot].isPartial())
            continue;
        for (const auto& [id, tensor] : program.constants) {
            if (id == node.inputs[0]) {
                formats[slot] = fit({tensor}, valueRange(tensor), formats[slot], options.parameters, options,
                                    channelAxis(program.slots[slot], options), node.name);
                filled[slot] = 1;
            }
        }
    }
    unifyGroups(program.layers, program.slots, options, filled, formats);
}

} // namespace

std::optional<Formats> calibrate(const std::vector<CalibrationBatch>& batches, const Formats& given,
                                 const std::vector<ValueRange>& floatRanges, const CalibrationOptions& options,
                                 const std::function<bool()>& stop, const std::function<void(double)>& progress) {
    const at::NoGradGuard noGrad;
    const Program& first = *batches.front().program;
    Formats formats = given;
    fillParameters(first, options, formats);
    if (options.parametersOnly)
        return formats;

    std::vector<int> uses(formats.size(), 0);
    for (const Node& node : first.nodes) {
        for (const Site& site : node.sites)
            ++uses[static_cast<std::size_t>(site.slot)];
    }
    std::vector<Progress> state;
    for (const CalibrationBatch& batch : batches) {
        const Program& program = *batch.program;
        if (program.nodes.size() != first.nodes.size())
            throw Error("", "the model takes another path for some samples", "calibrate on samples of one kind");
        Progress one{batch.program, Tensors(static_cast<std::size_t>(program.valueCount)), readers(program)};
        for (std::size_t i = 0; i < program.inputs.size(); ++i)
            one.values[static_cast<std::size_t>(program.inputs[i])] = batch.inputs[i];
        for (const auto& [id, tensor] : program.constants)
            one.values[static_cast<std::size_t>(id)] = tensor;
        state.push_back(std::move(one));
    }

    for (std::size_t index = 0; index < first.nodes.size(); ++index) {
        const Node& node = first.nodes[index];
        for (const Site& site : node.sites) {
            const auto slot = static_cast<std::size_t>(site.slot);
            if (!formats[slot].isPartial())
                continue;
            // The values that the slot takes, with all before it quantized: of a step's own slots, those computed with
            // the formats found so far.
            Tensors parts;
            for (const Progress& one : state) {
                if (stop && stop())
                    return std::nullopt;
                parts.push_back(valueBefore(one, index, site, formats));
            }
            boundMaskedScores(first.slots[slot], formats[slot], parts);
            ValueRange range = uses[slot] > 1 ? floatRanges[slot] : valueRange(parts[0]);
            for (const at::Tensor& part : parts)
                range.include(valueRange(part));
            formats[slot] = fit(parts, range, formats[slot], options.activations, options, -1, first.slots[slot].path);
        }
        for (Progress& one : state) {
            if (stop && stop())
                return std::nullopt;
            const Node& step = one.program->nodes[index];
            Tensors out = evaluate(step, inputsOf(one, step), &formats);
            for (std::size_t i = 0; i < step.outputs.size(); ++i)
                one.values[static_cast<std::size_t>(step.outputs[i])] = std::move(out.at(i));
            for (const ValueId input : step.inputs) {
                if (input != kAbsent && --one.readersLeft[static_cast<std::size_t>(input)] == 0)
                    one.values[static_cast<std::size_t>(input)] = at::Tensor();
            }
        }
        if (progress)
            progress(static_cast<double>(index + 1) / static_cast<double>(first.nodes.size()));
    }
    return formats;
}

} // namespace fxp::quant
