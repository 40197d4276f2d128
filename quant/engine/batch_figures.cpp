#include "quant/core/error.h"
#include "quant/engine/batch.h"
#include "quant/ops/sample_order.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

namespace {

QuantizeJob jobOf(const SampleMajor& x, const SampleMajor& reference, const QType& type, SlotId slot,
                  const LinearRange& range, const std::string& path) {
    QuantizeJob job;
    job.x = x.values.data_ptr<float>();
    job.reference = reference.values.data_ptr<float>();
    job.count = x.values.numel();
    job.perSample = x.perSample;
    job.firstIndex = x.firstIndex;
    job.type = sampleMajor(type, x.dimension);
    job.seed = seedOf(slot);
    job.range = range;
    job.setShape(x.values.sizes(), path);
    return job;
}

/// Adds the figures of a site, and those of quantizing the float run's values to the same format.
void addFigures(const QuantizeJob& job, const Figures& figures, PlaceFigures& place) {
    place.own.add(figures);
    if (!place.wantsLocal)
        return;
    if (job.x == job.reference && !job.given) {
        Figures local = figures;
        local.referenceSquares = local.referenceSquaredError = {}; // they have no reference
        place.local.add(local);
        return;
    }
    QuantizeJob local = job;
    local.x = job.reference;
    local.reference = nullptr;
    local.y = nullptr;
    local.given = nullptr;
    place.local.add(quantizeWithFigures(local));
}

} // namespace

SampleMajor Batch::referenceOf(const Site& site, const at::Tensor& x) const {
    const std::string& path = m_program->slots[static_cast<std::size_t>(site.slot)].path;
    const at::Tensor& reference = m_float[static_cast<std::size_t>(site.before)];
    if (x.scalar_type() != at::kFloat || reference.scalar_type() != at::kFloat)
        throw Error(path, "the tensor is not float32", "convert the model to float32");
    if (x.sizes() != reference.sizes())
        throw Error(path,
                    "has the shape " + c10::str(x.sizes()) + " in the quantized run and " +
                        c10::str(reference.sizes()) + " in the float run",
                    "shapes that depend on values must not change with the formats: keep what decides them in float");
    return sampleMajor(*m_program, site.before, reference, m_samples);
}

/// Where the figures of a site are to be added; null where nobody wants them. `after`: the quantized value, or one of
/// its shape.
PlaceFigures* Batch::placeFor(std::size_t index, std::size_t number, const at::Tensor& after,
                              const Context& context) const {
    if (!context.wanted || !context.wanted(index, number))
        return nullptr;
    PlaceFigures& place = context.figures(index, number);
    if (place.shape.empty() && after.defined()) {
        place.shape = after.sizes().vec();
        place.dimension = sampleDimension(*m_program, m_program->steps[index].sites[number].after);
        place.samples = m_samples.count;
    }
    return &place;
}

void Batch::addInnerFigures(std::size_t index, std::size_t number, const Tensors& results,
                            std::span<const at::Tensor> inputs, Context& context) {
    const Step& step = m_program->steps[index];
    const Site& site = step.sites[number];
    const auto slot = static_cast<std::size_t>(site.slot);
    const SlotInfo& info = m_program->slots[slot];
    const auto resultOf = [&](ValueId id) -> const at::Tensor& {
        for (std::size_t i = 0; i < step.outputs.size(); ++i) {
            if (step.outputs[i] == id)
                return results.at(i);
        }
        for (std::size_t i = 0; i < step.inputs.size(); ++i) {
            if (step.inputs[i] == id)
                return inputs[i];
        }
        return m_values[static_cast<std::size_t>(id)];
    };
    PlaceFigures* place = placeFor(index, number, resultOf(site.after), context);
    if (!place || (info.optional && !context.formats[slot].isComplete()))
        return;
    const at::Tensor& before = resultOf(site.before);
    const SampleMajor reference = referenceOf(site, before);
    const SampleMajor x = sampleMajor(*m_program, site.before, before, m_samples);
    const SampleMajor y = sampleMajor(*m_program, site.after, resultOf(site.after), m_samples);
    const QType type = context.formats[slot].isPartial() ? QType{} : context.formats[slot];
    QuantizeJob job = jobOf(x, reference, type, site.slot, context.ranges[slot], info.path);
    if (y.values.numel() != x.values.numel())
        throw Error(info.path, "has other shapes before and after it is quantized", "report the model");
    if (!type.isFloat())
        job.given = y.values.data_ptr<float>(); // computed from the exact sum; x is that sum rounded
    Figures figures = quantizeWithFigures(job);
    const StepFindings& findings = m_findings[index];
    if (number < findings.size()) {
        const AccumulatorUse& found = findings[number];
        const bool counted =
            step.op == "quantize_sum" || found.worstBits > 0 || found.overflowLow > 0 || found.overflowHigh > 0;
        if (counted && !type.isFloat()) {
            figures.overflowLow = found.overflowLow;
            figures.overflowHigh = found.overflowHigh;
        }
    }
    addFigures(job, figures, *place);
}

at::Tensor Batch::quantizeStep(std::size_t index, const at::Tensor& input, Context& context) {
    const Step& step = m_program->steps[index];
    const Site& site = step.sites[0];
    const auto slot = static_cast<std::size_t>(site.slot);
    const auto output = static_cast<std::size_t>(step.outputs[0]);
    const QType& format = context.formats[slot];
    const std::string& path = m_program->slots[slot].path;
    if (format.isPartial())
        throw Error(path, format.totalBits ? "fractional_bits is missing" : "total_bits is missing",
                    "set it, or calibrate");
    PlaceFigures* place = placeFor(index, 0, input, context);
    if (!place && format.isFloat())
        return input.contiguous();
    if (input.scalar_type() != at::kFloat)
        throw Error(path, "the tensor is not float32", "convert the model to float32");
    const SampleMajor x = sampleMajor(*m_program, site.before, input, m_samples);
    const SampleMajor reference = place ? referenceOf(site, input) : x;
    QuantizeJob job = jobOf(x, reference, format, site.slot, context.ranges[slot], path);
    at::Tensor result = x.values;
    if (!format.isFloat()) {
        // Reuses the last run's memory unless a view of it is kept somewhere: fresh pages cost more than the
        // arithmetic.
        const at::Tensor& last = m_values[output];
        const bool reusable = x.dimension <= 0 && last.defined() && last.use_count() == 1 &&
                              last.storage().use_count() == 1 && last.sizes() == x.values.sizes() &&
                              last.is_contiguous() && !last.is_same(x.values) && m_origins->producer[output] == index;
        if (reusable)
            m_states[output] = 0;
        result = reusable ? last : at::empty_like(x.values);
        job.y = result.data_ptr<float>();
    }
    if (place)
        addFigures(job, quantizeWithFigures(job), *place);
    else
        quantizeValues(job);
    return format.isFloat() ? input.contiguous() : fromSampleMajor(result, x.dimension);
}

AccumulatorUse Batch::accumulator(std::size_t index, std::size_t site) const {
    AccumulatorUse use;
    if (site < m_findings[index].size())
        use = m_findings[index][site];
    const Step& step = m_program->steps[index];
    if (step.op != "quantize_sum" || step.inputs.empty() || step.inputs[0] == kAbsent)
        return use;
    const std::size_t producer = m_origins->producer[static_cast<std::size_t>(step.inputs[0])];
    if (producer != StepLoop::kAll && !m_findings[producer].empty()) {
        use.worstBits = std::max(use.worstBits, m_findings[producer][0].worstBits);
        use.observedBits = std::max(use.observedBits, m_findings[producer][0].observedBits);
    }
    return use;
}

} // namespace fxp::quant
