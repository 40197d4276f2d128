#include "quant/core/error.h"
#include "quant/engine/session_data.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace fxp::quant {

namespace {

using Clock = std::chrono::steady_clock;
/// Between two snapshots of one run: a fast run should not spend itself on publishing.
constexpr auto kPublishEvery = std::chrono::milliseconds(25);

double milliseconds(Clock::time_point since) {
    return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

double share(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
    std::int64_t equal = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        equal += a[i] == b[i];
    return static_cast<double>(equal) / static_cast<double>(a.size());
}

std::vector<std::int32_t> classes(const std::vector<at::Tensor>& parts) {
    std::vector<std::int32_t> result;
    for (const at::Tensor& part : parts) {
        const at::Tensor winners = part.argmax(1).to(at::kInt).contiguous();
        result.insert(result.end(), winners.data_ptr<std::int32_t>(),
                      winners.data_ptr<std::int32_t>() + winners.numel());
    }
    return result;
}

OutputResult compare(const std::vector<at::Tensor>& fromFloat, const std::vector<at::Tensor>& fromFixed) {
    OutputResult result;
    double signal = 0, noise = 0, count = 0;
    for (std::size_t i = 0; i < fromFloat.size(); ++i) {
        const at::Tensor reference = fromFloat[i].to(at::kDouble), error = fromFixed[i].to(at::kDouble) - reference;
        signal += reference.square().sum().item<double>();
        noise += error.square().sum().item<double>();
        if (error.numel() > 0)
            result.maxError = std::max(result.maxError, error.abs().max().item<double>());
        count += static_cast<double>(reference.numel());
    }
    result.shape = fromFloat[0].sizes().vec();
    for (std::size_t i = 1; i < fromFloat.size(); ++i)
        result.shape[0] += fromFloat[i].size(0);
    result.sqnr = decibels(signal, noise);
    result.mse = count > 0 ? noise / count : 0;
    return result;
}

/// Calls `visit` with the node's number, the site's and the site.
template <class Visit> void forEachSite(const Program& program, Visit visit) {
    for (std::size_t n = 0; n < program.nodes.size(); ++n) {
        for (std::size_t s = 0; s < program.nodes[n].sites.size(); ++s)
            visit(n, s, program.nodes[n].sites[s]);
    }
}

} // namespace

std::optional<double> Predictions::agreement() const {
    return fromFixed.empty() ? std::nullopt : std::optional(share(fromFloat, fromFixed));
}
std::optional<double> Predictions::accuracyFloat() const {
    return labels.empty() || fromFloat.empty() ? std::nullopt : std::optional(share(fromFloat, labels));
}
std::optional<double> Predictions::accuracyFixed() const {
    return labels.empty() || fromFixed.empty() ? std::nullopt : std::optional(share(fromFixed, labels));
}

/// One run in progress: gathers figures batch by batch and publishes what is new.
struct Session::Run {
    Run(Data& data, const Formats& formats, const RunControl& control)
        : m_data(data), m_formats(formats), m_control(control), m_result(std::make_shared<RunResult>()),
          m_started(Clock::now()), m_published(m_started) {
        for (std::size_t i = 0; i < data.programs.size(); ++i) {
            const bool same = i > 0 && data.programs[i] == data.programs[i - 1];
            m_states.push_back(same ? m_states.back() : fingerprints(*data.programs[i], formats));
        }
        m_wanted = slotStates(*data.programs.front(), m_states.front());
        if (data.latest)
            *m_result = *data.latest;
        m_result->slots.resize(data.slots.size());
        m_result->stale.resize(data.slots.size());
        m_result->complete = false;
        m_result->outputsStale = true;
        m_result->edit = control.edit;
        m_result->stepsRun = m_result->stepsReused = 0;
        for (std::size_t slot = 0; slot < data.slots.size(); ++slot)
            m_result->stale[slot] = isStale(slot);
    }

    bool isStale(std::size_t slot) const {
        return !m_data.slots[slot].absent && (!m_result->slots[slot] || m_data.resultStates[slot] != m_wanted[slot]);
    }

    /// The slots whose own format changed, before anything that hangs on them.
    bool runEdited() {
        std::vector<char> edited(m_data.slots.size(), 0);
        if (!m_data.latest)
            return true;
        for (std::size_t slot = 0; slot < edited.size(); ++slot)
            edited[slot] = m_data.formats.size() == m_formats.size() && m_data.formats[slot] != m_formats[slot];
        std::vector<Figures> own(edited.size()), local(edited.size());
        std::vector<std::int64_t> seen(edited.size(), 0);
        std::vector<char> broken(edited.size(), 0);
        for (std::size_t i = 0; i < m_data.batches.size(); ++i) {
            Batch& batch = *m_data.batches[i];
            if (!m_data.cached[i])
                continue;
            Batch::Context context{m_formats, m_states[i], m_data.histogramRanges, m_control.stop, {}, 0, 0};
            if (!batch.runReady(context, edited))
                return false;
            m_result->stepsRun += context.stepsRun;
            std::vector<char> counted(edited.size(), 0);
            const Program& program = batch.program();
            forEachSite(program, [&](std::size_t n, std::size_t s, const Site& place) {
                const auto slot = static_cast<std::size_t>(place.slot);
                if (!edited[slot])
                    return;
                const SiteFigures& site = batch.figures(n, s);
                if (site.state != m_states[i][static_cast<std::size_t>(place.after)]) {
                    broken[slot] = 1;
                    return;
                }
                if (!counts(slot, i))
                    return;
                own[slot].add(site.figures);
                local[slot].add(site.localFigures);
                if (!counted[slot])
                    seen[slot] += batch.samples();
                counted[slot] = 1;
            });
        }
        for (std::size_t slot = 0; slot < edited.size(); ++slot) {
            if (edited[slot] && !broken[slot] && seen[slot] > 0)
                take(slot, own[slot], local[slot], m_data.slots[slot].parameter ? m_data.count : seen[slot]);
        }
        publish(true);
        return true;
    }

    bool runBatches() {
        const std::size_t slots = m_data.slots.size();
        m_own.assign(slots, {});
        m_local.assign(slots, {});
        m_outputs.assign(m_data.floatOutputs.size(), {});
        m_accumulators.assign(slots, {});
        for (std::size_t i = 0; i < m_data.batches.size(); ++i) {
            if (!runBatch(i, i + 1 == m_data.batches.size()))
                return false;
            if (m_control.progress)
                m_control.progress(static_cast<double>(i + 1) / static_cast<double>(m_data.batches.size()));
        }
        return true;
    }

    RunSnapshot finish() {
        m_result->outputs.clear();
        for (std::size_t i = 0; i < m_outputs.size(); ++i)
            m_result->outputs.push_back(compare(m_data.floatOutputs[i], m_outputs[i]));
        const bool classifies = std::ranges::all_of(m_outputs[0], [](const at::Tensor& t) {
            return t.dim() == 2 && t.size(1) > 1 && t.scalar_type() == at::kFloat;
        });
        m_result->predictions = {};
        if (classifies) {
            m_result->predictions = {classes(m_data.floatOutputs[0]), classes(m_outputs[0]), m_data.samples->labels};
        }
        m_data.fixedOutputs = std::move(m_outputs);
        m_result->accumulators.assign(m_accumulators.begin(), m_accumulators.end());
        m_result->complete = true;
        m_result->outputsStale = false;
        publish(true);
        return m_data.latest;
    }

    /// Keeps what a stopped run computed.
    void keep() { m_data.latest = std::make_shared<const RunResult>(*m_result); }

  private:
    /// A parameter is the same tensor in every batch, and is counted in the first.
    bool counts(std::size_t slot, std::size_t batch) const { return batch == 0 || !m_data.slots[slot].parameter; }

    bool runBatch(std::size_t index, bool last) {
        Batch& batch = *m_data.batches[index];
        if (!m_data.cached[index] && !batch.runFloat(m_control.stop))
            return false;
        const Program& program = batch.program();
        std::vector<int> left(m_data.slots.size(), 0);
        forEachSite(program,
                    [&](std::size_t, std::size_t, const Site& place) { ++left[static_cast<std::size_t>(place.slot)]; });
        Batch::Context context{m_formats, m_states[index], m_data.histogramRanges, m_control.stop, {}, 0, 0};
        context.done = [&](std::size_t node) {
            for (std::size_t site = 0; site < program.nodes[node].sites.size(); ++site) {
                const auto slot = static_cast<std::size_t>(program.nodes[node].sites[site].slot);
                if (counts(slot, index)) {
                    m_own[slot].add(batch.figures(node, site).figures);
                    m_local[slot].add(batch.figures(node, site).localFigures);
                }
                if (--left[slot] == 0 && last) {
                    if (isStale(slot) || !m_result->slots[slot] || m_result->slots[slot]->seenSamples != m_data.count)
                        take(slot, m_own[slot], m_local[slot], m_data.count);
                    publish(false);
                }
            }
        };
        if (!batch.run(context))
            return false;
        m_result->stepsRun += context.stepsRun;
        m_result->stepsReused += context.stepsReused;
        takeAccumulators(batch);
        for (std::size_t i = 0; i < m_outputs.size(); ++i) {
            const at::Tensor output = batch.value(program.outputs[i]);
            // Copied: the next run may write to the memory.
            m_outputs[i].push_back(output.clone());
        }
        if (!m_data.cached[index] && index > 0) // the first stays for the activation log
            batch.release();
        return true;
    }

    /// What the sums of each layer asked for, over the batches so far.
    void takeAccumulators(const Batch& batch) {
        const Program& program = batch.program();
        for (std::size_t n = 0; n < program.nodes.size(); ++n) {
            for (const Site& place : program.nodes[n].sites) {
                const SlotInfo& info = program.slots[static_cast<std::size_t>(place.slot)];
                if (info.optional)
                    m_accumulators[static_cast<std::size_t>(place.slot)].add(batch.accumulator(n));
            }
        }
    }

    void take(std::size_t slot, const Figures& own, const Figures& local, std::int64_t seen) {
        m_result->slots[slot] = std::make_shared<const SlotResult>(SlotResult{m_formats[slot], own, local, seen});
        m_data.resultStates[slot] = m_wanted[slot];
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
    std::vector<std::vector<Fingerprint>> m_states; ///< by batch
    std::vector<Fingerprint> m_wanted;              ///< by slot
    std::vector<Figures> m_own, m_local;
    std::vector<std::vector<at::Tensor>> m_outputs;
    std::vector<AccumulatorUse> m_accumulators; ///< by slot
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
