#include "quant/engine/batch.h"

#include "quant/core/error.h"
#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace fxp::quant {

namespace {

/// Whether two constants are the same elements of the same memory.
bool isSameMemory(const at::Tensor& a, const at::Tensor& b) {
    if (a.is_same(b))
        return true;
    return a.defined() && b.defined() && a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
           a.strides() == b.strides() && a.data_ptr() == b.data_ptr();
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

std::vector<char> commonConstants(const Program& a, const Program& b) {
    if (&a == &b)
        return constantValues(a);
    std::vector<char> common(static_cast<std::size_t>(a.valueCount), 0);
    std::unordered_map<ValueId, at::Tensor> others(b.constants.begin(), b.constants.end());
    for (const auto& [id, tensor] : a.constants) {
        const auto other = others.find(id);
        common[static_cast<std::size_t>(id)] = other != others.end() && isSameMemory(tensor, other->second);
    }
    for (std::size_t index = 0; index < a.steps.size(); ++index) {
        const Step& step = a.steps[index];
        const bool all = std::ranges::all_of(step.inputs, [&](ValueId input) {
            return input == kAbsent || common[static_cast<std::size_t>(input)] != 0;
        });
        for (const ValueId output : step.outputs)
            common[static_cast<std::size_t>(output)] = all && step == b.steps[index];
    }
    return common;
}

ValueOrigins::ValueOrigins(const Program& program)
    : producer(static_cast<std::size_t>(program.valueCount), StepLoop::kAll), constant(constantValues(program)) {
    for (std::size_t index = 0; index < program.steps.size(); ++index) {
        for (const ValueId output : program.steps[index].outputs)
            producer[static_cast<std::size_t>(output)] = index;
    }
}

Batch::Batch(std::shared_ptr<const Program> program, Tensors inputs, const SampleRange& samples,
             std::shared_ptr<const ValueOrigins> origins)
    : m_program(std::move(program)), m_inputs(std::move(inputs)), m_samples(samples), m_origins(std::move(origins)) {
    if (!m_origins)
        m_origins = std::make_shared<const ValueOrigins>(*m_program);
}

/// A batch that has not run yet, or was released, takes no room for values.
void Batch::start() {
    if (!m_values.empty())
        return;
    m_values = startingValues(*m_program, m_inputs);
    m_states.assign(m_values.size(), 0);
    for (std::size_t id = 0; id < m_values.size(); ++id) {
        if (m_origins->producer[id] == StepLoop::kAll && m_values[id].defined())
            m_states[id] = 1;
    }
    m_findings.resize(m_program->steps.size());
}

void Batch::release() {
    m_float = {};
    m_values = {};
    m_states = {};
    m_findings = {};
}

void Batch::releaseSamples() {
    const auto isKept = [this](std::size_t id) {
        return m_origins->constant[id] || m_origins->producer[id] == StepLoop::kAll;
    };
    for (std::size_t id = 0; id < m_values.size(); ++id) {
        if (isKept(id))
            continue;
        m_values[id] = at::Tensor();
        m_states[id] = 0;
    }
    for (std::size_t id = 0; id < m_float.size(); ++id) {
        if (!isKept(id))
            m_float[id] = at::Tensor();
    }
}

void Batch::keepFloat(const std::vector<char>& keep) {
    for (std::size_t id = 0; id < m_float.size(); ++id) {
        if (!keep[id])
            m_float[id] = at::Tensor();
    }
}

bool Batch::runFloat(const std::function<bool()>& stop, const std::vector<char>* keep, const Done& done) {
    const at::NoGradGuard noGrad;
    m_float = startingValues(*m_program, m_inputs);
    const std::array lanes{Lane{m_program.get(), &m_float, m_samples}};
    StepLoop loop;
    loop.stop = stop;
    loop.keep = keep;
    loop.done = [&](std::size_t, std::size_t index) {
        if (done && !m_program->steps[index].sites.empty())
            done(index);
    };
    try {
        if (runSteps(loop, lanes))
            return true;
    } catch (...) {
        m_float = {};
        throw;
    }
    m_float = {};
    return false;
}

bool Batch::has(ValueId id, Fingerprint state) const {
    const auto i = static_cast<std::size_t>(id);
    return i < m_values.size() && m_states[i] == state && m_values[i].defined();
}

bool Batch::isCurrent(const Step& step, const Context& context) const {
    return std::ranges::all_of(step.outputs, [&](ValueId output) {
        return m_states[static_cast<std::size_t>(output)] == context.states[static_cast<std::size_t>(output)];
    });
}

bool Batch::wantsFigures(std::size_t index, const Context& context) const {
    for (std::size_t site = 0; context.wanted && site < m_program->steps[index].sites.size(); ++site) {
        if (context.wanted(index, site))
            return true;
    }
    return false;
}

/// Copies the first batch's results of a step that depends on no input.
bool Batch::borrow(const Step& step, const Context& context) {
    if (!context.first || context.first == this || !context.common || step.outputs.empty())
        return false;
    const auto isThere = [&](ValueId output) {
        const auto id = static_cast<std::size_t>(output);
        return (*context.common)[id] && context.first->has(output, context.states[id]);
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

/// The same for the float run.
bool Batch::borrowFloat(const Step& step, const Context& context) {
    if (!context.first || context.first == this || !context.common || step.outputs.empty())
        return false;
    const Tensors& from = context.first->m_float;
    const auto isThere = [&](ValueId output) {
        const auto id = static_cast<std::size_t>(output);
        return (*context.common)[id] && id < from.size() && from[id].defined();
    };
    if (!std::ranges::all_of(step.outputs, isThere))
        return false;
    for (const ValueId output : step.outputs)
        m_float[static_cast<std::size_t>(output)] = from[static_cast<std::size_t>(output)];
    return true;
}

std::vector<char> Batch::floatStepsWanted(const Context& context) const {
    std::vector<char> steps(m_program->steps.size(), 0), values(static_cast<std::size_t>(m_program->valueCount), 0);
    for (std::size_t index = steps.size(); index-- > 0;) {
        const Step& step = m_program->steps[index];
        for (std::size_t site = 0; context.wanted && site < step.sites.size(); ++site) {
            if (context.wanted(index, site))
                values[static_cast<std::size_t>(step.sites[site].before)] = 1;
        }
        steps[index] =
            std::ranges::any_of(step.outputs, [&](ValueId id) { return values[static_cast<std::size_t>(id)] != 0; });
        for (const ValueId input : step.inputs) {
            if (steps[index] && input != kAbsent)
                values[static_cast<std::size_t>(input)] = 1;
        }
    }
    return steps;
}

bool Batch::runReady(Context& context, const std::vector<char>& only) {
    const at::NoGradGuard noGrad;
    start();
    const std::array lanes{Lane{m_program.get(), &m_values, m_samples}};
    StepLoop loop;
    loop.stop = context.stop;
    loop.skip = [&](std::size_t, std::size_t index) {
        const Step& step = m_program->steps[index];
        const auto isWanted = [&](const Site& site) { return only[static_cast<std::size_t>(site.slot)] != 0; };
        const auto isReady = [&](ValueId input) {
            return input == kAbsent || has(input, context.states[static_cast<std::size_t>(input)]);
        };
        return std::ranges::none_of(step.sites, isWanted) ||
               (isCurrent(step, context) && !wantsFigures(index, context)) ||
               !std::ranges::all_of(step.inputs, isReady);
    };
    loop.run = [&](std::size_t, std::size_t index, std::span<const at::Tensor> in) {
        return runStep(index, in, context);
    };
    return runSteps(loop, lanes);
}

/// Steps that are up to date run all the same where somebody wants their figures.
StepLoop Batch::quantizedLoop(Context& context) {
    StepLoop loop;
    loop.stop = context.stop;
    loop.skip = [&](std::size_t, std::size_t index) {
        if (context.only && !(*context.only)[index])
            return true;
        if (context.only && !(*context.only)[index])
            return true;
        const Step& step = m_program->steps[index];
        const bool there = (isCurrent(step, context) || borrow(step, context)) && !wantsFigures(index, context);
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
    return loop;
}

bool Batch::run(Context& context) {
    const at::NoGradGuard noGrad;
    start();
    const std::array lanes{Lane{m_program.get(), &m_values, m_samples}};
    return runSteps(quantizedLoop(context), lanes);
}

bool Batch::runThrough(Context& context) {
    const at::NoGradGuard noGrad;
    start();
    Tensors known = std::exchange(m_float, startingValues(*m_program, m_inputs));
    known.resize(m_float.size());
    const std::vector<char> wanted = floatStepsWanted(context);
    std::vector<char> keep(m_values.size(), 0);
    if (context.first == this)
        keep = m_origins->constant; // for the batches after this one
    for (const ValueId output : m_program->outputs)
        keep[static_cast<std::size_t>(output)] = 1;
    constexpr std::size_t kFloat = 0;
    const std::array lanes{Lane{m_program.get(), &m_float, m_samples}, Lane{m_program.get(), &m_values, m_samples}};
    const StepLoop quantized = quantizedLoop(context);
    const auto skipFloat = [&](std::size_t index) {
        const Step& step = m_program->steps[index];
        const auto isKnown = [&](ValueId id) { return known[static_cast<std::size_t>(id)].defined(); };
        if (!step.outputs.empty() && std::ranges::all_of(step.outputs, isKnown)) {
            for (const ValueId id : step.outputs)
                m_float[static_cast<std::size_t>(id)] = std::move(known[static_cast<std::size_t>(id)]);
            return true;
        }
        return !wanted[index] || borrowFloat(step, context);
    };
    StepLoop loop;
    loop.stop = context.stop;
    loop.keep = &keep;
    loop.skip = [&](std::size_t lane, std::size_t index) {
        return lane == kFloat ? skipFloat(index) : quantized.skip(lane, index);
    };
    loop.run = [&](std::size_t lane, std::size_t index, std::span<const at::Tensor> in) {
        return lane == kFloat ? evaluateStep(lanes[kFloat], m_program->steps[index], in, nullptr)
                              : quantized.run(lane, index, in);
    };
    loop.done = [&](std::size_t lane, std::size_t index) {
        if (lane != kFloat)
            quantized.done(lane, index);
    };
    return runSteps(loop, lanes);
}

Tensors Batch::runStep(std::size_t index, std::span<const at::Tensor> inputs, Context& context) {
    ++context.stepsRun;
    const Step& step = m_program->steps[index];
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
            addInnerFigures(index, site, results, inputs, context);
    }
    for (const ValueId output : step.outputs)
        m_states[static_cast<std::size_t>(output)] = context.states[static_cast<std::size_t>(output)];
    return results;
}

} // namespace fxp::quant
