#include "quant/calibrate/calibrate.h"

#include "quant/calibrate/divisors.h"
#include "quant/calibrate/exact_range.h"
#include "quant/calibrate/fit.h"
#include "quant/calibrate/groups.h"
#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/ops/sample_order.h"
#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numbers>
#include <unordered_map>

namespace fxp::quant {

namespace {

/// The dimension of a weight's output channels; −1 where all channels get one scale.
int channelAxis(const SlotInfo& slot, const CalibrationOptions& options) {
    if (!options.perChannelWeights || slot.role != Role::Weight || slot.shape.size() < 2)
        return -1;
    return slot.layerType.starts_with("conv_transpose") ? 1 : 0;
}

/// Replaces the masked scores (−∞) of a softmax's input by a value at which T bits cannot distinguish their weight from
/// zero: ln(2) · (T + 1) below the largest score. Scores that saturate there are still masked.
void boundMaskedScores(const SlotInfo& slot, const QType& given, TensorParts& parts) {
    if (slot.name != "input" || (slot.layerType != "softmax" && slot.layerType != "log_softmax"))
        return;
    constexpr int kFloatBits = 24;
    const double depth = std::numbers::ln2 * (given.totalBits.value_or(kFloatBits) + 1);
    ValueRange range;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const ValueRange one = valueRange(parts[i].values);
        range = i == 0 ? one : range;
        range.include(one);
    }
    for (TensorPart& part : parts) {
        const at::Tensor masked = part.values.eq(-std::numeric_limits<float>::infinity());
        if (masked.any().item<bool>())
            part.values = part.values.masked_fill(masked, range.high - depth);
    }
}

/// One calibration in progress.
class Calibration {
  public:
    Calibration(const std::vector<CalibrationBatch>& batches, const Formats& given,
                const std::vector<ValueRange>& floatRanges, const CalibrationOptions& options,
                const std::function<bool()>& stop)
        : m_batches(batches), m_first(*batches.front().program), m_formats(given), m_floatRanges(floatRanges),
          m_options(options), m_stop(stop), m_uses(given.size(), 0) {
        for (const std::size_t slot : options.refit) {
            QType& format = m_formats.at(slot);
            if (!format.isComplete())
                continue;
            m_kept.emplace(slot, format.affine);
            format.affine.reset();
            format.fractionalBits.reset();
        }
        for (const Step& step : m_first.steps) {
            for (const Site& site : step.sites)
                ++m_uses[static_cast<std::size_t>(site.slot)];
        }
    }

    void fillParameters();
    bool fillActivations(const std::function<void(double)>& progress);
    Formats formats() && { return std::move(m_formats); }

  private:
    bool fillSites(std::size_t index, std::span<const Lane> lanes);
    QType fitted(std::size_t slot, const TensorParts& parts, const ValueRange& range, Method method) const;

    const std::vector<CalibrationBatch>& m_batches;
    const Program& m_first;
    Formats m_formats;
    const std::vector<ValueRange>& m_floatRanges;
    const CalibrationOptions& m_options;
    const std::function<bool()>& m_stop;
    std::vector<int> m_uses;                             ///< by slot
    std::map<std::size_t, std::optional<Affine>> m_kept; ///< by slot of options.refit: the scale that it had
};

/// Chooses the slot's format for these values: by the options or, for a slot of options.refit, of the kind that it had.
QType Calibration::fitted(std::size_t slot, const TensorParts& parts, const ValueRange& range, Method method) const {
    const SlotInfo& info = m_first.slots[slot];
    CalibrationOptions options = m_options;
    int axis = channelAxis(info, options);
    if (const auto kept = m_kept.find(slot); kept != m_kept.end()) {
        const std::optional<Affine>& affine = kept->second;
        axis = affine ? affine->axis : -1;
        const bool shifted = affine && std::ranges::any_of(affine->zeroPoint, [](auto zero) { return zero != 0; });
        options.scheme = !affine ? Scheme::PowerOfTwo : shifted ? Scheme::Affine : Scheme::Scale;
        if (axis >= static_cast<int>(info.shape.size()))
            throw Error(info.path, "has no dimension " + std::to_string(axis) + " for its scales to lie along",
                        "give it another format");
    }
    return fit(parts, range, m_formats[slot], method, options, axis, info.path, seedOf(static_cast<SlotId>(slot)));
}

void Calibration::fillParameters() {
    std::unordered_map<ValueId, at::Tensor> constants;
    for (const auto& [id, tensor] : m_first.constants)
        constants.emplace(id, tensor);
    std::vector<char> filled(m_formats.size(), 0);
    for (const Step& step : m_first.steps) {
        if (!step.isQuantize())
            continue;
        const auto slot = static_cast<std::size_t>(step.sites[0].slot);
        const SlotInfo& info = m_first.slots[slot];
        const auto constant = constants.find(step.inputs[0]);
        if (!info.parameter || !m_formats[slot].isPartial() || constant == constants.end())
            continue;
        const TensorParts parts{constant->second};
        QType format = fitted(slot, parts, valueRange(constant->second), m_options.parameters);
        if (info.divisor)
            format = keptFromZero(parts, format, divisionBy(m_first, step.sites[0].after), info.path,
                                  seedOf(step.sites[0].slot), m_stop);
        m_formats[slot] = std::move(format);
        filled[slot] = 1;
    }
    unifyGroups(m_first.layers, m_first.slots, m_options, filled, m_formats);
}

/// Chooses the formats of the step's sites that have none yet. False when stopped.
bool Calibration::fillSites(std::size_t index, std::span<const Lane> lanes) {
    for (std::size_t number = 0; number < m_first.steps[index].sites.size(); ++number) {
        const auto slot = static_cast<std::size_t>(m_first.steps[index].sites[number].slot);
        const SlotInfo& info = m_first.slots[slot];
        if (!m_formats[slot].isPartial())
            continue;
        // The slot's values with everything before it quantized. The sites inside a step are computed with the formats
        // found so far.
        TensorParts parts;
        ValueRange range = m_floatRanges[slot];
        bool any = m_uses[slot] > 1;
        const auto include = [&](const ValueRange& one) {
            if (any)
                range.include(one);
            else
                range = one;
            any = true;
        };
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            const Step& step = lanes[i].program->steps[index];
            const Site& site = step.sites[number];
            const int dimension = sampleDimension(*lanes[i].program, site.before);
            if (i > 0 && dimension == -1)
                continue; // the same in every batch; the first one is enough
            if (m_stop && m_stop())
                return false;
            const Tensors in = inputsOf(step, *lanes[i].values);
            at::Tensor before = in.empty() ? at::Tensor() : in[0];
            Tensors results;
            if (!step.isQuantize()) {
                results = evaluateStep(lanes[i], step, in, &m_formats);
                const auto place = std::ranges::find(step.outputs, site.before) - step.outputs.begin();
                before = results.at(static_cast<std::size_t>(place));
            }
            if (before.scalar_type() != at::kFloat)
                throw Error(info.path, "the tensor is not float32", "convert the model to float32");
            const SampleMajor ordered = sampleMajor(*lanes[i].program, site.before, before, lanes[i].samples);
            parts.emplace_back(ordered.values, ordered.perSample, ordered.firstIndex);
            if (step.op == "quantize_sum")
                include(exactRange(step, site, in[0], results, m_formats));
        }
        boundMaskedScores(info, m_formats[slot], parts);
        for (const TensorPart& part : parts) {
            if (m_first.steps[index].op != "quantize_sum")
                include(valueRange(part.values));
        }
        QType format = fitted(slot, parts, range, m_options.activations);
        if (info.divisor && format.isComplete())
            format = keptFromZero(parts, format, divisionBy(m_first, m_first.steps[index].sites[number].after),
                                  info.path, seedOf(static_cast<SlotId>(slot)), m_stop);
        m_formats[slot] = std::move(format);
    }
    return true;
}

bool Calibration::fillActivations(const std::function<void(double)>& progress) {
    std::vector<Tensors> values;
    std::size_t valueCount = 0;
    for (const CalibrationBatch& batch : m_batches) {
        if (batch.program->steps.size() != m_first.steps.size() ||
            !std::ranges::equal(batch.program->steps, m_first.steps, {}, &Step::op, &Step::op))
            throw Error("", "the model takes another path for some samples", "calibrate on samples of one kind");
        values.push_back(startingValues(*batch.program, batch.inputs));
        valueCount = std::max(valueCount, values.back().size());
    }
    std::vector<Lane> lanes;
    for (std::size_t i = 0; i < m_batches.size(); ++i)
        lanes.push_back({m_batches[i].program.get(), &values[i], m_batches[i].samples});
    const std::vector<char> keep(valueCount, 0);
    StepLoop loop;
    loop.formats = &m_formats;
    loop.stop = m_stop;
    loop.keep = &keep;
    loop.begin = [&](std::size_t index) { return fillSites(index, lanes); };
    loop.done = [&](std::size_t lane, std::size_t index) {
        if (progress && lane + 1 == lanes.size())
            progress(static_cast<double>(index + 1) / static_cast<double>(m_first.steps.size()));
    };
    return runSteps(loop, lanes);
}

} // namespace

std::optional<Formats> calibrate(const std::vector<CalibrationBatch>& batches, const Formats& given,
                                 const std::vector<ValueRange>& floatRanges, const CalibrationOptions& options,
                                 const std::function<bool()>& stop, const std::function<void(double)>& progress) {
    const at::NoGradGuard noGrad;
    validate(options);
    try {
        Calibration calibration(batches, given, floatRanges, options, stop);
        calibration.fillParameters();
        if (!options.parametersOnly && !calibration.fillActivations(progress))
            return std::nullopt;
        return std::move(calibration).formats();
    } catch (const Stopped&) {
        return std::nullopt;
    }
}

} // namespace fxp::quant
