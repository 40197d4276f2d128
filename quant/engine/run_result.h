#pragma once

#include "quant/core/accumulator_use.h"
#include "quant/core/figures.h"
#include "quant/core/qtype.h"
#include "quant/graph/formats.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// The figures of one slot over all samples. They belong to `format`, and to the formats that the tensor depended on.
/// maxErrorIndex is the flat index in a tensor of SlotInfo::shape; where a slot is used several times, in that of its
/// first use.
struct SlotResult {
    QType format;
    Figures figures;              ///< of the quantized run; its reference figures are the error accumulated so far
    Figures localFigures;         ///< of this tensor's quantization only, applied to the values of the float run
    std::int64_t seenSamples = 0; ///< the first so many; fewer than all while a run is in progress
};

/// One output of the model, compared with the float run's. Classification figures where it is [N, classes].
struct OutputResult {
    std::vector<std::int64_t> shape;
    double sqnr = 0; ///< dB
    double mse = 0;
    double maxError = 0;  ///< NaN where the outputs differ in what is NaN
    std::int64_t nan = 0; ///< elements that are NaN in either
};

/// The predicted class of each sample; empty vectors where the first output is not [samples, classes].
struct Predictions {
    std::vector<std::int32_t> fromFloat, fromFixed, labels; ///< labels: empty where none were given
    std::string note;                        ///< why there are no classes although there are labels; else empty
    std::int64_t chosenOn = 0;               ///< of the samples, those before it chose the formats; 0: all of them
    std::optional<double> agreement() const; ///< share of samples with the same class, 0 … 1
    std::optional<double> accuracyFloat() const;
    std::optional<double> accuracyFixed() const;
    /// Of the held-out samples alone; absent where there are none.
    std::optional<double> heldOutAccuracyFloat() const;
    std::optional<double> heldOutAccuracyFixed() const;
};

/// An output below so many dB against float has collapsed: what it says has little to do with the model any more.
inline constexpr double kCollapsedSqnr = 10;

/// What the figures of a run depend on, each as one number: where the numbers are equal, the figures are.
struct RunStates {
    std::vector<std::uint64_t> slots; ///< 0 where there are no figures
    std::uint64_t outputs = 0;
};

/// The state of a quantized run: immutable, shared between threads. Slots whose figures belong to older formats are
/// stale.
struct RunResult {
    std::vector<std::shared_ptr<const SlotResult>> slots; ///< null before a slot's first figures
    std::vector<char> stale;                              ///< by slot
    std::vector<AccumulatorUse> accumulators;             ///< by slot; of `accumulator` slots, of the last complete run
    std::vector<OutputResult> outputs;
    Predictions predictions;
    std::vector<std::string> warnings; ///< of the last complete run: tensors that are divided by and became zero, in
                                       ///< the order of computation
    std::vector<std::string> notes;    ///< of the program (Program::notes), the same for every run
    /// Of the last complete run, where an output has collapsed: the first tensor in the order of computation that is
    /// below kCollapsedSqnr against float, and what happened there. Else empty.
    std::string collapse;
    RunStates states; ///< of the figures here
    /// Of any formats, with this run's samples and weights. Needs no session; any thread may call it.
    std::function<RunStates(const Formats&)> statesUnder;
    bool outputsStale = true;
    bool complete = false;
    std::uint64_t edit = 0;    ///< the caller's number of the formats that this run was asked for
    double milliseconds = 0;   ///< since the run began
    std::int64_t stepsRun = 0; ///< steps computed, over all batches
    std::int64_t stepsReused = 0;
};

using RunSnapshot = std::shared_ptr<const RunResult>;

} // namespace fxp::quant
