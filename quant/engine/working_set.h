#pragma once

#include "quant/graph/program.h"

#include <cstdint>

namespace fxp::quant {

/// Bytes that one sample takes, from the sizes that a recording has. What depends on no input is not counted.
struct WorkingSet {
    std::int64_t kept = 1; ///< a batch that is kept between runs: float values to compare with, and all quantized ones
    std::int64_t recorded = 1;  ///< all values of a recording
    std::int64_t live = 1;      ///< Batch::runThrough, at the step where it has most
    std::int64_t temporary = 0; ///< the most that one step takes beside its inputs and results
    std::int64_t outputs = 0;   ///< the model's results

    /// A batch that is recorded, run, and not kept.
    std::int64_t passing() const { return live > recorded ? live : recorded; }
};

/// `values`: of a recording of `samples` samples. `needed`: floatValuesNeeded.
WorkingSet workingSetOf(const Program& program, const Tensors& values, std::int64_t samples,
                        const std::vector<char>& needed);

} // namespace fxp::quant
