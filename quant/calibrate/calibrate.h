#pragma once

#include "quant/calibrate/options.h"
#include "quant/core/integer_bits.h"
#include "quant/graph/formats.h"
#include "quant/graph/program.h"
#include "quant/ops/registry.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace fxp::quant {

/// One batch to calibrate on.
struct CalibrationBatch {
    std::shared_ptr<const Program> program;
    Tensors inputs;
    SampleRange samples;
};

/// Fills partial formats in, and those of options.refit anew, step by step through all batches at once: a tensor's
/// range is the union over them, taken with everything before it quantized. Parameters come first, then their groups.
/// Keeps no tensor longer than it is needed. What follows an exact sum is calibrated on the exact sum; what is divided
/// by is not brought to zero (divisors.h). The result does not depend on how samples were split into batches. Throws
/// Error for options that contradict each other, and naming the tensor that cannot be calibrated. `floatRanges`, by
/// slot: what a slot that is quantized several times takes in the float run, so that its format holds all of its uses.
/// Absent when stopped.
std::optional<Formats> calibrate(const std::vector<CalibrationBatch>& batches, const Formats& given,
                                 const std::vector<ValueRange>& floatRanges, const CalibrationOptions& options,
                                 const std::function<bool()>& stop, const std::function<void(double)>& progress);

} // namespace fxp::quant
