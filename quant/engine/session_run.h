#pragma once

#include "quant/core/comparison.h"
#include "quant/engine/places.h"
#include "quant/engine/session_data.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

RunStates statesOf(const Program& program, const std::vector<Fingerprint>& values);

/// One run in progress: adds the figures of all batches up, slot by slot, and publishes what is new.
struct Session::Run {
    Run(Data& data, const Formats& formats, const RunControl& control);

    /// Computes the slots whose own format changed, before anything that depends on them. False when stopped.
    bool runEdited();
    /// Brings everything up to date. False when stopped.
    bool runBatches();
    /// The complete result. run_summary.cpp.
    RunSnapshot finish();
    /// Keeps the figures that a stopped run computed.
    void keep() { m_data.latest = std::make_shared<const RunResult>(*m_result); }

  private:
    using Clock = std::chrono::steady_clock;

    /// Data of one program, shared by all batches that run it.
    struct PerProgram {
        std::vector<Fingerprint> states;
        std::vector<Place> places;
        std::vector<std::size_t> firstPlace; ///< by step: its first site's index in places
        std::vector<char> common;            ///< by value: constants that the first batch's program has too
        const Place& at(std::size_t step, std::size_t site) const { return places[firstPlace[step] + site]; }
    };

    bool isStale(std::size_t slot) const;
    Batch::Context contextOf(std::size_t index) const;
    /// Whether the place counts in this batch: a value that depends on no sample is the same in every batch, and is
    /// counted in the first.
    static bool counts(const Program& program, const Place& place, std::size_t batch) {
        return batch == 0 || sampleDimension(program, place.after) != -1;
    }
    PlaceFigures& figuresOf(const Place& place);
    bool runBatch(std::size_t index, bool last);
    bool computeBatch(std::size_t index, bool last);

    // first_slot.cpp
    std::optional<std::size_t> first() const;
    bool otherIsFirst() const;
    bool runFirst();
    void showSoFar(std::size_t batch);
    std::int64_t seenUntil(std::size_t batch, std::size_t slot) const;

    void addOutput(std::size_t number, std::size_t index, const Batch& batch);
    void storeFigures(std::size_t slot, std::int64_t seen);
    void publish(bool now);

    void describeOutputs();
    void predictClasses();
    void warn();
    std::string collapse() const;

    Data& m_data;
    const Formats& m_formats;
    const RunControl& m_control;
    std::shared_ptr<RunResult> m_result;
    Clock::time_point m_started, m_published;
    std::map<const Program*, std::shared_ptr<PerProgram>> m_programs;
    std::vector<std::shared_ptr<PerProgram>> m_perBatch;
    RunStates m_wanted;
    std::vector<std::vector<PlaceFigures>> m_places; ///< by slot, by use; over all batches so far
    std::vector<char> m_missing;                     ///< by slot: whether its figures are to be gathered
    std::vector<std::vector<at::Tensor>> m_outputs;  ///< by output, by batch
    std::vector<Comparison> m_comparisons;           ///< by output
    std::vector<AccumulatorUse> m_accumulators;      ///< by slot
    std::optional<std::size_t> m_first;              ///< the slot that was computed before others
    bool m_dirty = false;
};

} // namespace fxp::quant
