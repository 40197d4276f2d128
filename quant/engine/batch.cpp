#include "quant/engine/batch.h"

#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/ops/sample_order.h"
#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <unordered_set>

namespace fxp::quant {

namespace {

constexpr auto kNoStep = StepLoop::kAll;

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

void storeLocalFigures(SiteFigures& site, const QuantizeJob& job, const QType& format) {
    if (site.hasLocal && site.localFormat == format)
        return;
    if (job.x == job.reference && !job.given) {
        site.localFigures = site.figures;
        site.localFigures.referenceSquares = site.localFigures.referenceSquaredError = {}; // they have no reference
    } else {
        QuantizeJob local = job;
        local.x = job.reference;
        local.reference = nullptr;
        local.y = nullptr;
        local.given = nullptr;
        site.localFigures = quantizeWithFigures(local);
    }
    site.localFormat = format;
    site.hasLocal = true;
}

} // namespace

std::vector<char> floatValuesNeeded(const Program& program) {
    std::vector<char> needed(static_cast<std::size_t>(program.valueCount), 0);
    for (const Step& step : program.steps) {
        for (const Site& site : step.sites)
            needed[static_cast<std::size_t>(site.before)] = 1;
    }
    for (const ValueId output : program.outputs)
        needed[static_cast<std::size_t>(output)] = 1;
    return needed;
}

std::vector<char> constantValues(const Program& program) {
    std::vector<char> constant(static_cast<std::size_t>(program.valueCount), 0);
    for (const auto& [id, tensor] : program.constants)
        constant[static_cast<std::size_t>(id)] = 1;
    for (const Step& step : program.steps) {
        const bool all = std::ranges::all_of(step.inputs, [&](ValueId input) {
            return input == kAbsent || constant[static_cast<std::size_t>(input)] != 0;
        });
        for (const ValueId output : step.outputs)
            constant[static_cast<std::size_t>(output)] = all;
    }
    return constant;
}

Batch::Batch(std::shared_ptr<const Program> program, Tensors inputs, const SampleRange& samples)
    : m_program(std::move(program)), m_inputs(std::move(inputs)), m_samples(samples),
      m_producer(static_cast<std::size_t>(m_program->valueCount), kNoStep), m_constant(constantValues(*m_program)) {
    for (std::size_t index = 0; index < m_program->steps.size(); ++index) {
        for (const ValueId output : m_program->steps[index].outputs)
            m_producer[static_cast<std::size_t>(output)] = index;
    }
    release();
}

void Batch::release() {
    m_float.clear();
    m_values = startingValues(*m_program, m_inputs);
    m_states.assign(m_values.size(), 0);
    for (std::size_t id = 0; id < m_values.size(); ++id) {
        if (m_producer[id] == kNoStep && m_values[id].defined())
            m_states[id] = 1;
    }
    m_findings.assign(m_program->steps.size(), {});
    m_figures.assign(m_program->steps.size(), {});
}

void Batch::keepFloat(const std::vector<char>& keep) {
    for (std::size_t id = 0; id < m_float.size(); ++id) {
        if (!keep[id])
            m_float[id] = at::Tensor();
    }
}

std::int64_t Batch::floatBytes() const {
    std::unordered_set<const void*> seen;
    for (const auto& [id, tensor] : m_program->constants)
        seen.insert(tensor.storage().unsafeGetStorageImpl());
    std::int64_t bytes = 0;
    for (std::size_t id = 0; id < m_float.size(); ++id) {
        const at::Tensor& tensor = m_float[id];
        if (tensor.defined() && tensor.has_storage() && !m_constant[id] &&
            seen.insert(tensor.storage().unsafeGetStorageImpl()).second)
            bytes += static_cast<std::int64_t>(tensor.storage().nbytes());
    }
    return bytes;
}

bool Batch::runFloat(const std::function<bool()>& stop, const std::vector<char>* keep) {
    const at::NoGradGuard noGrad;
    Tensors values = startingValues(*m_program, m_inputs);
    const std::array lanes{Lane{m_program.get(), &values, m_samples}};
    StepLoop loop;
    loop.stop = stop;
    loop.keep = keep;
    if (!runSteps(loop, lanes))
        return false;
    m_float = std::move(values);
    return true;
}

bool Batch::has(ValueId id, Fingerprint state) const {
    const auto i = static_cast<std::size_t>(id);
    return m_states[i] == state && m_values[i].defined();
}

bool Batch::isCurrent(const Step& step, const Context& context) const {
    return std::ranges::all_of(step.outputs, [&](ValueId output) {
        return m_states[static_cast<std::size_t>(output)] == context.states[static_cast<std::size_t>(output)];
    });
}

/// Copies the first batch's results of a step that depends on no input.
bool Batch::borrow(const Step& step, const Context& context) {
    if (!context.first || context.first == this || context.first->m_program != m_program)
        return false;
    const auto isThere = [&](ValueId output) {
        const auto id = static_cast<std::size_t>(output);
        return m_constant[id] && context.first->has(output, context.states[id]);
    };
    if (!std::ranges::all_of(step.outputs, isThere))
        return false;
    for (const ValueId output : step.outputs) {
        const auto id = static_cast<std::size_t>(output);
        m_values[id] = context.first->m_values[id];
        m_states[id] = context.states[id];
    }
    return true;
}

bool Batch::runReady(Context& context, const std::vector<char>& only) {
    const at::NoGradGuard noGrad;
    const std::array lanes{Lane{m_program.get(), &m_values, m_samples}};
    StepLoop loop;
    loop.stop = context.stop;
    loop.skip = [&](std::size_t, std::size_t index) {
        const Step& step = m_program->steps[index];
        const auto isWanted = [&](const Site& site) { return only[static_cast<std::size_t>(site.slot)] != 0; };
        const auto isReady = [&](ValueId input) {
            return input == kAbsent || has(input, context.states[static_cast<std::size_t>(input)]);
        };
        return std::ranges::none_of(step.sites, isWanted) || isCurrent(step, context) ||
               !std::ranges::all_of(step.inputs, isReady);
    };
    loop.run = [&](std::size_t, std::size_t index, std::span<const at::Tensor> in) {
        return runStep(index, in, context);
    };
    return runSteps(loop, lanes);
}

bool Batch::run(Context& context) {
    const at::NoGradGuard noGrad;
    const std::array lanes{Lane{m_program.get(), &m_values, m_samples}};
    StepLoop loop;
    loop.stop = context.stop;
    loop.keep = context.keep;
    loop.skip = [&](std::size_t, std::size_t index) {
        if (context.only && !(*context.only)[index])
            return true;
        const Step& step = m_program->steps[index];
        const bool there = isCurrent(step, context) || borrow(step, context);
        context.stepsReused += there;
        return there;
    };
    loop.run = [&](std::size_t, std::size_t index, std::span<const at::Tensor> in) {
        return runStep(index, in, context);
    };
    loop.done = [&](std::size_t, std::size_t index) {
        if (!m_program->steps[index].sites.empty() && context.done)
            context.done(index);
    };
    return runSteps(loop, lanes);
}

const SiteFigures& Batch::figures(std::size_t step, std::size_t site) const {
    static const SiteFigures kNone;
    return m_figures[step].empty() ? kNone : m_figures[step][site];
}

Tensors Batch::runStep(std::size_t index, std::span<const at::Tensor> inputs, Context& context) {
    ++context.stepsRun;
    const Step& step = m_program->steps[index];
    m_figures[index].resize(step.sites.size());
    Tensors results;
    if (step.isQuantize()) {
        results = {quantizeStep(index, inputs[0], context)};
    } else {
        StepFindings findings;
        const Lane lane{m_program.get(), &m_values, m_samples};
        results = evaluateStep(lane, step, inputs, &context.formats, &findings);
        // Before anything is marked as up to date: the values of such a step are not stored.
        if (results.size() != step.outputs.size())
            throw Error(step.layer, step.op + " gave another number of results than it was recorded with",
                        "give samples of one kind");
        m_findings[index] = std::move(findings);
        for (std::size_t site = 0; site < step.sites.size(); ++site)
            storeInnerFigures(index, site, results, inputs, context);
    }
    for (const ValueId output : step.outputs)
        m_states[static_cast<std::size_t>(output)] = context.states[static_cast<std::size_t>(output)];
    return results;
}

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

void Batch::storeInnerFigures(std::size_t index, std::size_t number, const Tensors& results,
                              std::span<const at::Tensor> inputs, Context& context) {
    const Step& step = m_program->steps[index];
    const Site& site = step.sites[number];
    const auto slot = static_cast<std::size_t>(site.slot);
    const auto after = static_cast<std::size_t>(site.after);
    const SlotInfo& info = m_program->slots[slot];
    SiteFigures& result = m_figures[index][number];
    if (result.state == context.states[after])
        return;
    if (info.optional && !context.formats[slot].isComplete()) {
        result = {};
        result.state = context.states[after];
        return;
    }
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
    result.figures = quantizeWithFigures(job);
    const StepFindings& findings = m_findings[index];
    if (number < findings.size()) {
        const AccumulatorUse& found = findings[number];
        const bool counted =
            step.op == "quantize_sum" || found.worstBits > 0 || found.overflowLow > 0 || found.overflowHigh > 0;
        if (counted && !type.isFloat()) {
            result.figures.overflowLow = found.overflowLow;
            result.figures.overflowHigh = found.overflowHigh;
        }
    }
    storeLocalFigures(result, job, type);
    result.state = context.states[after];
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
    const SampleMajor reference = referenceOf(site, input);
    const SampleMajor x = sampleMajor(*m_program, site.before, input, m_samples);
    QuantizeJob job = jobOf(x, reference, format, site.slot, context.ranges[slot], path);
    at::Tensor result = x.values;
    if (!format.isFloat()) {
        // Reuses the last run's memory unless a view of it is kept somewhere: fresh pages cost more than the
        // arithmetic.
        const at::Tensor& last = m_values[output];
        const bool reusable = x.dimension <= 0 && last.defined() && last.use_count() == 1 &&
                              last.storage().use_count() == 1 && last.sizes() == x.values.sizes() &&
                              last.is_contiguous() && !last.is_same(x.values) && m_producer[output] == index;
        if (reusable)
            m_states[output] = 0;
        result = reusable ? last : at::empty_like(x.values);
        job.y = result.data_ptr<float>();
    }
    SiteFigures& figures = m_figures[index][0];
    figures.figures = quantizeWithFigures(job);
    storeLocalFigures(figures, job, format);
    figures.state = context.states[output];
    return format.isFloat() ? input.contiguous() : fromSampleMajor(result, x.dimension);
}

AccumulatorUse Batch::accumulator(std::size_t index, std::size_t site) const {
    AccumulatorUse use;
    if (site < m_findings[index].size())
        use = m_findings[index][site];
    const Step& step = m_program->steps[index];
    if (step.op != "quantize_sum" || step.inputs.empty() || step.inputs[0] == kAbsent)
        return use;
    const std::size_t producer = m_producer[static_cast<std::size_t>(step.inputs[0])];
    if (producer != kNoStep && !m_findings[producer].empty()) {
        use.worstBits = std::max(use.worstBits, m_findings[producer][0].worstBits);
        use.observedBits = std::max(use.observedBits, m_findings[producer][0].observedBits);
    }
    return use;
}

} // namespace fxp::quant
