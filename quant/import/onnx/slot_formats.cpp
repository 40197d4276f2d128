#include "quant/import/onnx/slot_formats.h"

#include <cmath>
#include <set>

namespace fxp::quant::onnx_import {

namespace {

using Placed = std::map<std::string, QType>;

bool movesOnly(const Step& step) {
    return step.layer.empty() && step.sites.empty() && step.formats.empty();
}

/// A scale for each channel fits only where the slot's tensor has these channels.
bool fits(const QType& format, const SlotInfo& slot) {
    if (!format.affine || !format.affine->perChannel())
        return true;
    const auto axis = static_cast<std::size_t>(format.affine->axis);
    return axis < slot.shape.size() && slot.shape[axis] == static_cast<std::int64_t>(format.affine->scale.size());
}

bool placeAhead(const Program& program, const ValueFormat& one, ValueId value, Placed& placed) {
    std::set<ValueId> values{value};
    bool found = false;
    for (const Step& step : program.steps) {
        for (const Site& site : step.sites) {
            const SlotInfo& slot = program.slots[static_cast<std::size_t>(site.slot)];
            if (values.contains(site.before) && fits(one.format, slot)) {
                placed[slot.path] = one.format;
                found = true;
            }
        }
        const bool perChannel = one.format.affine && one.format.affine->perChannel();
        if (movesOnly(step) && !perChannel && step.inputs.size() == 1 && values.contains(step.inputs[0]))
            values.insert(step.outputs.begin(), step.outputs.end());
    }
    return found;
}

bool placeBehind(const Program& program, const ValueFormat& one, ValueId value, Placed& placed) {
    for (auto step = program.steps.rbegin(); step != program.steps.rend(); ++step) {
        for (const Site& site : step->sites) {
            const SlotInfo& slot = program.slots[static_cast<std::size_t>(site.slot)];
            if (site.after == value && fits(one.format, slot))
                return placed.try_emplace(slot.path, one.format).first->second == one.format;
        }
        if (movesOnly(*step) && step->inputs.size() == 1 && step->outputs.size() == 1 && step->outputs[0] == value)
            value = step->inputs[0];
    }
    return false;
}

/// The format for a view of the constant, whose channels may lie along another dimension.
std::optional<QType> turned(QType format, const at::Tensor& constant, const at::Tensor& view) {
    if (!format.affine || !format.affine->perChannel())
        return format;
    const int axis = format.affine->axis;
    if (axis >= constant.dim())
        return std::nullopt;
    for (std::int64_t i = 0; i < view.dim(); ++i) {
        if (view.size(i) == constant.size(axis) && view.stride(i) == constant.stride(axis)) {
            format.affine->axis = static_cast<int>(i);
            return format;
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<QType> formatOf(const QuantizerRange& range) {
    const std::int64_t count = range.high - range.low + 1;
    QType format;
    for (int bits = kMinTotalBits; bits <= 32 && !format.totalBits; ++bits) {
        const std::int64_t all = std::int64_t{1} << bits;
        if (count != all && count != all - 1)
            continue;
        format.totalBits = bits;
        format.overflow = count == all ? Overflow::Saturate : Overflow::SaturateSymmetric;
    }
    if (!format.totalBits || range.scale.empty() || range.scale.size() != range.zeroPoint.size())
        return std::nullopt;
    format.rounding = range.rounding;
    // The same integers, in two's complement.
    const std::int64_t half = std::int64_t{1} << (*format.totalBits - 1);
    const std::int64_t shift = range.low + half - (format.overflow == Overflow::Saturate ? 0 : 1);
    Affine affine{range.scale, {}, range.axis};
    for (std::size_t i = 0; i < range.scale.size(); ++i) {
        affine.zeroPoint.push_back(range.zeroPoint[i] - shift);
        if (!(range.scale[i] > 0) || !std::isfinite(range.scale[i]) || affine.zeroPoint[i] < -half ||
            affine.zeroPoint[i] >= half)
            return std::nullopt;
    }
    int exponent = 0;
    const bool isPower = std::frexp(affine.scale[0], &exponent) == 0.5;
    if (affine.scale.size() == 1 && affine.zeroPoint[0] == 0 && isPower && std::abs(exponent) < kMaxFractionalBits)
        format.fractionalBits = 1 - exponent;
    else
        format.affine = std::move(affine);
    return format;
}

std::map<std::string, QType> placeFormats(const Builder::Finished& finished, const std::vector<ValueFormat>& formats,
                                          std::vector<const ::onnx::NodeProto*>& unplaced) {
    const Program& program = finished.program;
    Placed placed;
    for (const ValueFormat& one : formats) {
        if (one.constant.defined()) {
            for (const auto& [id, tensor] : program.constants) {
                if (!tensor.defined() || !tensor.is_alias_of(one.constant))
                    continue;
                if (const auto format = turned(one.format, one.constant, tensor))
                    placeAhead(program, {*format, {}, {}, nullptr}, id, placed);
            }
            continue;
        }
        const ValueId value = finished.renumbered.at(static_cast<std::size_t>(one.value.id));
        if (value == kAbsent)
            continue; // nothing reads it
        if (!placeAhead(program, one, value, placed) && !placeBehind(program, one, value, placed))
            unplaced.push_back(one.node);
    }
    return placed;
}

} // namespace fxp::quant::onnx_import
