#include "quant/engine/session_run.h"

#include "quant/core/error.h"
#include "quant/ops/sample_order.h"

#include <ATen/ATen.h>

#include <utility>

namespace fxp::quant {

namespace {

/// The least time between two snapshots of one run, so that a fast run is not slowed down by publishing.
constexpr auto kPublishEvery = std::chrono::milliseconds(25);

} // namespace

RunStates statesOf(const Program& program, const std::vector<Fingerprint>& values) {
    RunStates states{slotStates(program, values), 0};
    for (const ValueId output : program.outputs)
        states.outputs = states.outputs * 0x100000001B3u ^ values[static_cast<std::size_t>(output)];
    return states;
}

Session::Run::Run(Data& data, const Formats& formats, const RunControl& control)
    : m_data(data), m_formats(formats), m_control(control), m_result(std::make_shared<RunResult>()),
      m_started(Clock::now()), m_published(m_started) {
    const Program& first = data.batches.front()->program();
    for (const auto& batch : data.batches) {
        const Program* program = &batch->program();
        auto& known = m_programs[program];
        if (!known) {
            known = std::make_shared<PerProgram>();
            known->states = fingerprints(*program, formats);
            known->places = placesOf(*program);
            known->common = commonConstants(*program, first);
            std::size_t place = 0;
            for (const Step& step : program->steps) {
                known->firstPlace.push_back(place);
                place += step.sites.size();
            }
        }
        m_perBatch.push_back(known);
    }
    m_wanted = statesOf(data.batches.front()->program(), m_perBatch.front()->states);
    if (data.latest)
        *m_result = *data.latest;
    m_result->slots.resize(data.slots.size());
    m_result->stale.resize(data.slots.size());
    m_result->states.slots.resize(data.slots.size());
    m_result->statesUnder = [program = data.batches.front()->sharedProgram()](const Formats& under) {
        return statesOf(*program, fingerprints(*program, under));
    };
    m_result->complete = false;
    m_result->outputsStale = true;
    m_result->edit = control.edit;
    m_result->stepsRun = m_result->stepsReused = 0;
    for (std::size_t slot = 0; slot < data.slots.size(); ++slot)
        m_result->stale[slot] = isStale(slot);
}

bool Session::Run::isStale(std::size_t slot) const {
    return !m_data.slots[slot].absent &&
           (!m_result->slots[slot] || m_result->states.slots[slot] != m_wanted.slots[slot]);
}

Batch::Context Session::Run::contextOf(std::size_t index) const {
    const PerProgram& program = *m_perBatch[index];
    return {.formats = m_formats,
            .states = program.states,
            .ranges = m_data.histogramRanges,
            .stop = m_control.stop,
            .done = {},
            .wanted = {},
            .figures = {},
            .first = m_data.batches.front().get(),
            .common = &program.common,
            .only = nullptr};
}

PlaceFigures& Session::Run::figuresOf(const Place& place) {
    auto& all = m_places[place.slot];
    if (all.size() <= place.use)
        all.resize(place.use + 1);
    PlaceFigures& figures = all[place.use];
    const auto& last = m_result->slots[place.slot];
    // The float run's values are the same as in the run before, so the figures of the same format on them are.
    figures.wantsLocal = !last || last->format != m_formats[place.slot] || last->seenSamples != m_data.count;
    return figures;
}

bool Session::Run::runEdited() {
    const std::size_t slots = m_data.slots.size();
    if (!m_data.latest)
        return true;
    std::vector<char> edited(slots, 0), broken(slots, 0), shared(slots, 1);
    for (std::size_t slot = 0; slot < slots; ++slot)
        edited[slot] = m_data.formats.size() == m_formats.size() && m_data.formats[slot] != m_formats[slot];
    m_places.assign(slots, {});
    std::vector<std::int64_t> seen(slots, 0);
    for (std::size_t i = 0; i < m_data.batches.size(); ++i) {
        Batch& batch = *m_data.batches[i];
        if (!m_data.cached[i])
            continue;
        const PerProgram& program = *m_perBatch[i];
        std::vector<char> found(program.places.size(), 0);
        Batch::Context context = contextOf(i);
        context.wanted = [&](std::size_t step, std::size_t site) {
            const Place& place = program.at(step, site);
            return edited[place.slot] && counts(batch.program(), place, i);
        };
        context.figures = [&](std::size_t step, std::size_t site) -> PlaceFigures& {
            found[program.firstPlace[step] + site] = 1;
            return figuresOf(program.at(step, site));
        };
        if (!batch.runReady(context, edited))
            return false;
        m_result->stepsRun += context.stepsRun;
        std::vector<char> counted(slots, 0);
        for (std::size_t number = 0; number < found.size(); ++number) {
            const Place& place = program.places[number];
            if (!edited[place.slot] || !counts(batch.program(), place, i))
                continue;
            if (!found[number]) {
                broken[place.slot] = 1;
                continue;
            }
            if (sampleDimension(batch.program(), place.after) != -1)
                shared[place.slot] = 0;
            if (!std::exchange(counted[place.slot], 1))
                seen[place.slot] += batch.samples().count;
        }
    }
    for (std::size_t slot = 0; slot < slots; ++slot) {
        if (edited[slot] && !broken[slot] && seen[slot] > 0)
            storeFigures(slot, shared[slot] ? m_data.count : seen[slot]);
    }
    publish(true);
    return true;
}

bool Session::Run::runBatches() {
    const std::size_t slots = m_data.slots.size();
    m_places.assign(slots, {});
    m_outputs.assign(m_data.floatOutputs.size(), {});
    m_comparisons.assign(m_data.floatOutputs.size(), {});
    m_accumulators.assign(slots, {});
    m_missing.assign(slots, 0);
    for (std::size_t slot = 0; slot < slots; ++slot)
        m_missing[slot] = isStale(slot) || !m_result->slots[slot] || m_result->slots[slot]->seenSamples != m_data.count;
    for (std::size_t i = 0; i < m_data.batches.size(); ++i) {
        const bool last = i + 1 == m_data.batches.size();
        if (!runBatch(i, last))
            return false;
        if (!last)
            showSoFar(i);
        if (m_control.progress)
            m_control.progress(static_cast<double>(i + 1) / static_cast<double>(m_data.batches.size()));
    }
    return true;
}

bool Session::Run::runBatch(std::size_t index, bool last) {
    Batch& batch = *m_data.batches[index];
    const bool cached = m_data.cached[index] != 0;
    try {
        const bool done = computeBatch(index, last);
        if (!cached && index == 0 && done)
            batch.releaseSamples(); // the others take what depends on no input from it
        else if (!cached)
            batch.release();
        return done;
    } catch (...) {
        if (!cached)
            batch.release();
        throw;
    }
}

bool Session::Run::computeBatch(std::size_t index, bool last) {
    Batch& batch = *m_data.batches[index];
    const Program& program = batch.program();
    const PerProgram& known = *m_perBatch[index];
    if (index == 0 && !runFirst())
        return false;
    const auto& places = known.places;
    std::vector<char> finished(program.steps.size(), 0);
    std::vector<int> left(m_data.slots.size(), 0);
    for (const Place& place : places)
        ++left[place.slot];
    Batch::Context context = contextOf(index);
    context.wanted = [&](std::size_t step, std::size_t site) {
        const Place& place = known.at(step, site);
        return !finished[step] && m_missing[place.slot] && counts(program, place, index);
    };
    context.figures = [&](std::size_t step, std::size_t site) -> PlaceFigures& {
        return figuresOf(known.at(step, site));
    };
    context.done = [&](std::size_t step) {
        if (std::exchange(finished[step], 1))
            return; // before the run turned to another slot
        for (std::size_t site = 0; site < program.steps[step].sites.size(); ++site) {
            const Place& place = known.at(step, site);
            if (m_data.slots[place.slot].optional && counts(program, place, index))
                m_accumulators[place.slot].add(batch.accumulator(place.step, place.site));
            if (--left[place.slot] == 0 && last) {
                if (m_missing[place.slot])
                    storeFigures(place.slot, m_data.count);
                m_places[place.slot] = {}; // a network's worth of histograms takes much memory
                publish(false);
            }
        }
    };
    if (index == 0)
        context.stop = [this] { return (m_control.stop && m_control.stop()) || otherIsFirst(); };
    while (!(m_data.cached[index] ? batch.run(context) : batch.runThrough(context))) {
        if (index > 0 || (m_control.stop && m_control.stop()) || !runFirst())
            return false;
        context.stepsReused = 0;
    }
    m_result->stepsRun += context.stepsRun;
    m_result->stepsReused += context.stepsReused;
    for (std::size_t i = 0; i < m_outputs.size(); ++i)
        addOutput(i, index, batch);
    return true;
}

void Session::Run::addOutput(std::size_t number, std::size_t index, const Batch& batch) {
    const Program& program = batch.program();
    const ValueId id = program.outputs[number];
    const int dimension = sampleDimension(program, id);
    if (index > 0 && dimension == -1)
        return;
    const at::Tensor& output = batch.value(id);
    const at::Tensor& reference = m_data.floatOutputs[number][index];
    if (output.sizes() != reference.sizes())
        throw Error("output_" + std::to_string(number),
                    "has the shape " + c10::str(output.sizes()) + " in the quantized run and " +
                        c10::str(reference.sizes()) + " in the float run",
                    "shapes that depend on values must not change with the formats");
    const at::Tensor r = sampleMajor(reference.to(at::kFloat), dimension),
                     v = sampleMajor(output.to(at::kFloat), dimension);
    const std::int64_t samples = batch.samples().count;
    m_comparisons[number].add(r.data_ptr<float>(), v.data_ptr<float>(), v.numel(),
                              dimension >= 0 && samples > 0 ? v.numel() / samples : 0);
    m_outputs[number].push_back(output.clone()); // the next run may reuse its memory
}

void Session::Run::storeFigures(std::size_t slot, std::int64_t seen) {
    const auto& places = m_places[slot];
    const auto last = m_result->slots[slot];
    const bool known = !places.empty() && !places.front().wantsLocal;
    m_result->slots[slot] = std::make_shared<const SlotResult>(
        SlotResult{m_formats[slot], together(places, &PlaceFigures::own, seen),
                   known ? last->localFigures : together(places, &PlaceFigures::local, seen), seen});
    m_result->states.slots[slot] = m_wanted.slots[slot];
    m_result->stale[slot] = seen < m_data.count;
    m_dirty = true;
}

void Session::Run::publish(bool now) {
    if (!now && (!m_dirty || Clock::now() - m_published < kPublishEvery))
        return;
    m_result->milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - m_started).count();
    m_data.latest = std::make_shared<const RunResult>(*m_result);
    m_dirty = false;
    if (m_control.publish)
        m_control.publish(m_data.latest);
    m_published = Clock::now();
}

RunSnapshot Session::run(const Formats& formats, const RunControl& control) {
    if (!m_data)
        throw Error("", "there are no samples to run", "open some");
    if (formats.size() != m_data->slots.size())
        throw Error("", "the formats are not this model's", "take them from its slots");
    for (std::size_t slot = 0; slot < formats.size(); ++slot) {
        const SlotInfo& info = m_data->slots[slot];
        validate(formats[slot], info.path);
        if (formats[slot].isPartial() && !info.absent && !info.optional)
            throw Error(info.path, formats[slot].totalBits ? "fractional_bits is missing" : "total_bits is missing",
                        "set it, or calibrate");
    }
    Run run(*m_data, formats, control);
    const bool edited = run.runEdited();
    m_data->formats = formats;
    if (!edited || !run.runBatches()) {
        run.keep();
        return nullptr;
    }
    return run.finish();
}

} // namespace fxp::quant
