#pragma once

#include "quant/core/accumulator_use.h"
#include "quant/core/figures.h"
#include "quant/core/qtype.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// One format per slot, in the order of the model's slots.
using Formats = std::vector<QType>;

/// What one slot's format did, over all samples. Belongs to `format`, and to the formats that the tensor depended on.
struct SlotResult {
    QType format;
    Figures figures;              ///< of the quantized run; its reference figures are the error accumulated so far
    Figures localFigures;         ///< this tensor's quantization alone, on the values of the float run
    std::int64_t seenSamples = 0; ///< fewer than all while a run is under way
};

/// One output of the model, fixed against float. Classification figures where it is [N, classes].
struct OutputResult {
    std::vector<std::int64_t> shape;
    double sqnr = 0; ///< dB
    double mse = 0;
    double maxError = 0;
};

/// What a classifier says of each sample; empty vectors where the first output is not [N, classes].
struct Predictions {
    std::vector<std::int32_t> fromFloat, fromFixed, labels; ///< labels: empty where none were given
    std::optional<double> agreement() const;                ///< share of samples with the same class, 0 … 1
    std::optional<double> accuracyFloat() const;
    std::optional<double> accuracyFixed() const;
};

/// The state of a quantized run: immutable, shared between threads. Slots whose figures belong to older formats are
/// stale.
struct RunResult {
    std::vector<std::shared_ptr<const SlotResult>> slots; ///< null before a slot's first figures
    std::vector<char> stale;                              ///< by slot
    std::vector<AccumulatorUse> accumulators;             ///< by slot; of `accumulator` slots, of the last complete run
    std::vector<OutputResult> outputs;
    Predictions predictions;
    bool outputsStale = true;
    bool complete = false;
    std::uint64_t edit = 0;    ///< the caller's number of the formats that this run was asked for
    double milliseconds = 0;   ///< since the run began
    std::int64_t stepsRun = 0; ///< steps computed, over all batches
    std::int64_t stepsReused = 0;
};

using RunSnapshot = std::shared_ptr<const RunResult>;

} // namespace fxp::quant
