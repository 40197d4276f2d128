#pragma once

#include <cstdint>

namespace fxp::quant {

/// How Session::finetune trains.
struct FinetuneOptions {
    int epochs = 10;
    std::int64_t batchSize = 32;
    double learningRate = 1e-3;      ///< of Adam
    std::uint64_t seed = 0;          ///< of the order in which the samples come
    bool quantizeParameters = false; ///< give the weights' and biases' quantized values
};

/// One epoch done: the quantized network over all samples.
struct EpochReport {
    int epoch = 0;       ///< 0: before training
    double loss = 0;     ///< mean cross entropy
    double accuracy = 0; ///< share of samples whose label is the greatest output, 0 … 1
};

} // namespace fxp::quant
