#include "quant/engine/session_run.h"
#include "quant/ops/sample_order.h"

#include <algorithm>
#include <utility>

namespace fxp::quant {

/// The slot that is to be first where its figures are to be gathered and nothing better is shown: where samples are in
/// several batches, older figures of all samples stay until newer ones of all are there.
std::optional<std::size_t> Session::Run::first() const {
    const int asked = m_control.first ? m_control.first() : -1;
    const auto slot = static_cast<std::size_t>(asked);
    if (asked < 0 || slot >= m_missing.size() || !m_missing[slot])
        return std::nullopt;
    const auto& shown = m_result->slots[slot];
    const bool whole = shown && shown->seenSamples >= m_data.count;
    return whole && (m_data.batches.size() > 1 || !isStale(slot)) ? std::nullopt : std::optional(slot);
}

bool Session::Run::otherIsFirst() const {
    const auto slot = first();
    return slot && slot != m_first;
}

/// Computes in the first batch what the slot that is to be first depends on, and no more, and publishes its figures.
/// False when stopped.
bool Session::Run::runFirst() {
    m_first = first();
    if (!m_first)
        return true;
    const std::size_t slot = *m_first;
    Batch& batch = *m_data.batches.front();
    const PerProgram& known = *m_perBatch.front();
    const std::vector<char> only = stepsTo(batch.program(), slot);
    Batch::Context context = contextOf(0);
    context.only = &only;
    context.wanted = [&](std::size_t step, std::size_t site) { return known.at(step, site).slot == slot; };
    context.figures = [&](std::size_t step, std::size_t site) -> PlaceFigures& {
        return figuresOf(known.at(step, site));
    };
    // Uses that the run has already been through keep their place in the sum over all batches.
    std::vector<PlaceFigures> before = std::exchange(m_places[slot], {});
    const bool cached = m_data.cached.front() != 0;
    if (!cached)
        batch.releaseSamples(); // what was freed after its last use is computed again
    const bool done = cached ? batch.run(context) : batch.runThrough(context);
    if (!cached)
        batch.releaseSamples();
    if (done) {
        m_result->stepsRun += context.stepsRun;
        const std::int64_t seen = seenUntil(0, slot);
        storeFigures(slot, seen);
        if (seen == m_data.count)
            m_missing[slot] = 0;
        publish(true);
    }
    m_places[slot] = std::move(before);
    return done;
}

/// After a batch that is not the last one: the figures of the slot that is to be first, of the samples so far.
void Session::Run::showSoFar(std::size_t batch) {
    const auto slot = first();
    if (!slot || m_places[*slot].empty())
        return;
    storeFigures(*slot, seenUntil(batch, *slot));
    publish(false);
}

/// The samples that the slot's figures are of after the batch.
std::int64_t Session::Run::seenUntil(std::size_t batch, std::size_t slot) const {
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

} // namespace fxp::quant
