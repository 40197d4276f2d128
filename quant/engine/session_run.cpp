#include "quant/core/comparison.h"
#include "quant/core/error.h"
#include "quant/engine/places.h"
#include "quant/engine/predictions.h"
#include "quant/engine/run_summary.h"
#include "quant/engine/session_data.h"
#include "quant/ops/sample_order.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

namespace fxp::quant {

namespace {

using Clock = std::chrono::steady_clock;
/// The least time between two snapshots of one run, so that a fast run is not slowed down by publishing.
constexpr auto kPublishEvery = std::chrono::milliseconds(25);

double milliseconds(Clock::time_point since) {
    return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

RunStates statesOf(const Program& program, const std::vector<Fingerprint>& values) {
    RunStates states{slotStates(program, values), 0};
    for (const ValueId output : program.outputs)
        states.outputs = states.outputs * 0x100000001B3u ^ values[static_cast<std::size_t>(output)];
    return states;
}

} // namespace

/// One run in progress: gathers figures batch by batch and publishes what is new.
struct Session::Run {
    Run(Data& data, const Formats& formats, const RunControl& control)
        : m_data(data), m_formats(formats), m_control(control), m_result(std::make_shared<RunResult>()),
          m_started(Clock::now()), m_published(m_started) {
        for (const auto& batch : data.batches) {
            const Program* program = &batch->program();
            auto& known = m_programs[program];
            if (!known) {
                known = std::make_shared<PerProgram>();
                known->states = fingerprints(*program, formats);
                known->places = placesOf(*program);
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

    bool isStale(std::size_t slot) const {
        return !m_data.slots[slot].absent &&
               (!m_result->slots[slot] || m_result->states.slots[slot] != m_wanted.slots[slot]);
    }

    /// Computes the slots whose own format changed, before anything that depends on them.
    bool runEdited() {
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
            Batch::Context context = contextOf(i);
            if (!batch.runReady(context, edited))
                return false;
            m_result->stepsRun += context.stepsRun;
            std::vector<char> counted(slots, 0);
            for (const Place& place : program.places) {
                if (!edited[place.slot] || !counts(batch.program(), place, i))
                    continue;
                const SiteFigures& site = batch.figures(place.step, place.site);
                if (site.state != program.states[static_cast<std::size_t>(place.after)]) {
                    broken[place.slot] = 1;
                    continue;
                }
                if (sampleDimension(batch.program(), place.after) != -1)
                    shared[place.slot] = 0;
                add(batch, place, site);
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

    bool runBatches() {
        const std::size_t slots = m_data.slots.size();
        m_places.assign(slots, {});
        m_outputs.assign(m_data.floatOutputs.size(), {});
        m_comparisons.assign(m_data.floatOutputs.size(), {});
        m_accumulators.assign(slots, {});
        m_missing.assign(slots, 0);
        for (std::size_t slot = 0; slot < slots; ++slot)
            m_missing[slot] =
                isStale(slot) || !m_result->slots[slot] || m_result->slots[slot]->seenSamples != m_data.count;
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

    RunSnapshot finish() {
        const Program& program = m_data.batches.front()->program();
        m_result->outputs = summarizeOutputs(program, m_outputs, m_comparisons);
        m_result->predictions = {};
        const std::vector<std::int32_t>& labels = m_data.samples->labels;
        if (!m_outputs.empty())
            m_result->predictions = predict(m_data.floatOutputs[0], m_outputs[0],
                                            sampleDimension(program, program.outputs[0]), m_data.count, labels);
        else if (!labels.empty())
            m_result->predictions.note = "the model has no output to hold against the labels";
        m_result->predictions.chosenOn = m_data.chosenOn;
        m_result->notes = program.notes;
        if (!m_data.notFinite.empty())
            m_result->notes.insert(m_result->notes.begin(), m_data.notFinite);
        m_result->warnings = findZeroDivisors(*m_result, m_perBatch.front()->places, m_data.slots);
        m_result->collapse = findCollapse(*m_result, m_perBatch.front()->places, m_data.slots);
        m_data.quantizedOutputs = std::move(m_outputs);
        m_data.completeFormats = m_formats;
        m_result->accumulators.assign(m_accumulators.begin(), m_accumulators.end());
        m_result->states.outputs = m_wanted.outputs;
        m_result->complete = true;
        m_result->outputsStale = false;
        publish(true);
        return m_data.latest;
    }

    /// Keeps the figures that a stopped run computed.
    void keep() { m_data.latest = std::make_shared<const RunResult>(*m_result); }

  private:
    /// Data of one program, shared by all batches that run it.
    struct PerProgram {
        std::vector<Fingerprint> states;
        std::vector<Place> places;
    };

    Batch::Context contextOf(std::size_t index) const {
        return {m_formats,
                m_perBatch[index]->states,
                m_data.histogramRanges,
                m_control.stop,
                {},
                m_data.batches.front().get(),
                nullptr,
                0,
                0};
    }

    /// Whether the place counts in this batch: a value that depends on no sample is the same in every batch, and is
    /// counted in the first.
    static bool counts(const Program& program, const Place& place, std::size_t batch) {
        return batch == 0 || sampleDimension(program, place.after) != -1;
    }

    void add(const Batch& batch, const Place& place, const SiteFigures& site) {
        auto& all = m_places[place.slot];
        if (all.size() <= place.use)
            all.resize(place.use + 1);
        PlaceFigures& figures = all[place.use];
        if (figures.shape.empty() && batch.value(place.after).defined()) {
            figures.shape = batch.value(place.after).sizes().vec();
            figures.dimension = sampleDimension(batch.program(), place.after);
            figures.samples = batch.samples().count;
        }
        figures.own.add(site.figures);
        figures.local.add(site.localFigures);
    }

    bool runBatch(std::size_t index, bool last) {
        Batch& batch = *m_data.batches[index];
        const bool cached = m_data.cached[index] != 0;
        try {
            const bool done = computeBatch(index, last);
            if (!cached && (index > 0 || !done)) // the first batch is kept for the activation log
                batch.release();
            return done;
        } catch (...) {
            if (!cached)
                batch.release();
            throw;
        }
    }

    bool computeBatch(std::size_t index, bool last) {
        Batch& batch = *m_data.batches[index];
        const bool cached = m_data.cached[index] != 0;
        const Program& program = batch.program();
        const std::vector<char> needed = cached ? std::vector<char>{} : floatValuesNeeded(program);
        if (!cached && !batch.runFloat(m_control.stop, &needed))
            return false;
        if (index == 0 && !runFirst())
            return false;
        const auto& places = m_perBatch[index]->places;
        std::vector<int> uses(m_data.slots.size(), 0);
        for (const Place& place : places)
            ++uses[place.slot];
        std::vector<int> left = uses;
        Batch::Context context = contextOf(index);
        std::vector<char> outputs;
        if (!cached && index > 0) {
            outputs.assign(static_cast<std::size_t>(program.valueCount), 0);
            for (const ValueId output : program.outputs)
                outputs[static_cast<std::size_t>(output)] = 1;
            context.keep = &outputs;
        }
        std::size_t next = 0;
        context.done = [&](std::size_t step) {
            for (; next < places.size() && places[next].step == step; ++next) {
                const Place& place = places[next];
                if (counts(program, place, index)) {
                    if (m_missing[place.slot])
                        add(batch, place, batch.figures(place.step, place.site));
                    if (m_data.slots[place.slot].optional)
                        m_accumulators[place.slot].add(batch.accumulator(place.step, place.site));
                }
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
        while (!batch.run(context)) {
            if (index > 0 || (m_control.stop && m_control.stop()) || !runFirst())
                return false;
            // What ran before counts from the start again, at no cost.
            m_places.assign(m_data.slots.size(), {});
            m_accumulators.assign(m_data.slots.size(), {});
            left = uses;
            next = 0;
            context.stepsReused = 0;
        }
        m_result->stepsRun += context.stepsRun;
        m_result->stepsReused += context.stepsReused;
        for (std::size_t i = 0; i < m_outputs.size(); ++i)
            addOutput(i, index, batch);
        return true;
    }

    /// The slot that is to be first where its figures are to be gathered and nothing better is shown: where samples are
    /// in several batches, older figures of all samples stay until newer ones of all are there.
    std::optional<std::size_t> first() const {
        const int asked = m_control.first ? m_control.first() : -1;
        const auto slot = static_cast<std::size_t>(asked);
        if (asked < 0 || slot >= m_missing.size() || !m_missing[slot])
            return std::nullopt;
        const auto& shown = m_result->slots[slot];
        const bool whole = shown && shown->seenSamples >= m_data.count;
        return whole && (m_data.batches.size() > 1 || !isStale(slot)) ? std::nullopt : std::optional(slot);
    }

    bool otherIsFirst() const {
        const auto slot = first();
        return slot && slot != m_first;
    }

    /// Computes in the first batch what the slot that is to be first depends on, and no more, and publishes its
    /// figures.
    bool runFirst() {
        m_first = first();
        if (!m_first)
            return true;
        Batch& batch = *m_data.batches.front();
        const std::vector<char> only = stepsTo(batch.program(), *m_first);
        Batch::Context context = contextOf(0);
        context.only = &only;
        if (!batch.run(context))
            return false;
        m_result->stepsRun += context.stepsRun;
        m_places[*m_first] = {};
        for (const Place& place : m_perBatch.front()->places) {
            if (place.slot == *m_first)
                add(batch, place, batch.figures(place.step, place.site));
        }
        storeFigures(*m_first, seenUntil(0, *m_first));
        m_places[*m_first] = {};
        publish(true);
        return true;
    }

    /// After a batch that is not the last one: the figures of the slot that is to be first, of the samples so far.
    void showSoFar(std::size_t batch) {
        const auto slot = first();
        if (!slot || m_places[*slot].empty())
            return;
        storeFigures(*slot, seenUntil(batch, *slot));
        publish(false);
    }

    /// The samples that the slot's figures are of after the batch.
    std::int64_t seenUntil(std::size_t batch, std::size_t slot) const {
        if (batch + 1 == m_data.batches.size())
            return m_data.count;
        const Program& program = m_data.batches.front()->program();
        const auto varies = [&](const Place& place) {
            return place.slot == slot && sampleDimension(program, place.after) != -1;
        };
        if (std::ranges::none_of(m_perBatch.front()->places, varies))
            return m_data.count;
        const SampleRange& last = m_data.batches[batch]->samples();
        return last.first + last.count;
    }

    void addOutput(std::size_t number, std::size_t index, const Batch& batch) {
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

    void storeFigures(std::size_t slot, std::int64_t seen) {
        const auto& places = m_places[slot];
        m_result->slots[slot] =
            std::make_shared<const SlotResult>(SlotResult{m_formats[slot], together(places, &PlaceFigures::own, seen),
                                                          together(places, &PlaceFigures::local, seen), seen});
        m_result->states.slots[slot] = m_wanted.slots[slot];
        m_result->stale[slot] = seen < m_data.count;
        m_dirty = true;
    }

    void publish(bool now) {
        if (!now && (!m_dirty || Clock::now() - m_published < kPublishEvery))
            return;
        m_result->milliseconds = milliseconds(m_started);
        m_data.latest = std::make_shared<const RunResult>(*m_result);
        m_dirty = false;
        if (m_control.publish)
            m_control.publish(m_data.latest);
        m_published = Clock::now();
    }

    Data& m_data;
    const Formats& m_formats;
    const RunControl& m_control;
    std::shared_ptr<RunResult> m_result;
    Clock::time_point m_started, m_published;
    std::map<const Program*, std::shared_ptr<PerProgram>> m_programs;
    std::vector<std::shared_ptr<PerProgram>> m_perBatch;
    RunStates m_wanted;
    std::vector<std::vector<PlaceFigures>> m_places; ///< by slot, by use
    std::vector<char> m_missing;                     ///< by slot: whether its figures are to be gathered
    std::vector<std::vector<at::Tensor>> m_outputs;  ///< by output, by batch
    std::vector<Comparison> m_comparisons;           ///< by output
    std::vector<AccumulatorUse> m_accumulators;      ///< by slot
    std::optional<std::size_t> m_first;              ///< the slot that was computed first
    bool m_dirty = false;
};

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
