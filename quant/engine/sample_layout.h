#pragma once

#include "quant/engine/model_arguments.h"
#include "quant/graph/network.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace fxp::quant {

/// How samples lie in the model's values, found out by running it on few of them.
struct SampleLayout {
    /// Whether samples leave each other alone, and are to be found in every value. If not, dimension 0 of the inputs is
    /// not of samples, and they must be run whole.
    bool separable = false;
    std::vector<std::int8_t> dimensions;    ///< Program::sampleDimensions
    std::shared_ptr<const Program> program; ///< one that has these values
    std::int64_t bytesPerSample = 0;        ///< of the float values that a session keeps
};

/// Records the model on one and on two samples: the dimension that doubles is that of the samples. Then runs two pairs
/// of samples, the first and the last, and compares each sample's part of what is quantized and of the outputs with a
/// run of that sample alone. `arguments` hold `count` samples. Throws Stopped.
SampleLayout findSampleLayout(Network& network, const ModelArguments& arguments, std::int64_t count,
                              const std::function<bool()>& stop);

/// Before separable samples are cut into batches: whether samples are apart from others far from them too. Runs as many
/// together as `memoryBytes`, or 64 MiB if that is less, hold, from the first on and up to the last, and compares some
/// of each with runs of that sample alone. Throws Stopped.
bool mayBeCut(Network& network, const ModelArguments& arguments, std::int64_t count, const SampleLayout& layout,
              std::int64_t memoryBytes, const std::function<bool()>& stop);

} // namespace fxp::quant
