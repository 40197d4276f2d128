#pragma once

#include "quant/engine/model_arguments.h"
#include "quant/engine/working_set.h"
#include "quant/graph/network.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace fxp::quant {

/// Where the samples lie in the model's values, found out by running the model on a few of them.
struct SampleLayout {
    /// Whether no sample influences another and every value has a dimension of samples. If not, dimension 0 of the
    /// inputs does not count samples, and the inputs must be run whole.
    bool separable = false;
    std::vector<std::int8_t> dimensions;    ///< Program::sampleDimensions
    std::shared_ptr<const Program> program; ///< a program whose values these are
    WorkingSet perSample;
};

/// Records the model on one and on two samples: the dimension that doubles is that of the samples. Then runs two pairs
/// of samples, the first and the last, and compares each sample's part of what is quantized and of the outputs with a
/// run of that sample alone. `arguments` hold `count` samples. Throws Stopped.
SampleLayout findSampleLayout(Network& network, const ModelArguments& arguments, std::int64_t count,
                              const std::function<bool()>& stop);

/// To be asked before separable samples are split into batches: whether no sample influences others far from it either.
/// Records as many samples together as fit `memoryBytes`, or 8 MiB if that is more, once from the first on and once up
/// to the last, and compares some of them with runs of that sample alone. Throws Stopped.
bool mayBeCut(Network& network, const ModelArguments& arguments, std::int64_t count, const SampleLayout& layout,
              std::int64_t memoryBytes, const std::function<bool()>& stop);

} // namespace fxp::quant
