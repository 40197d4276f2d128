#pragma once

#include "quant/engine/array.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace fxp::quant {

/// How Session::finetune trains.
struct FinetuneOptions {
    int epochs = 10;
    std::int64_t batchSize = 32;
    double learningRate = 1e-3;      ///< of Adam
    std::uint64_t seed = 0;          ///< of the order in which the samples come
    bool quantizeParameters = false; ///< give the weights' and biases' quantized values
    /// Every so-manieth sample only judges (the fifth, the tenth, …); 0: all are trained on. Where Samples::chosenOn
    /// splits the samples, those behind it judge instead.
    int heldOutEvery = 5;
    /// The model file's own values of parameters that were replaced since; null: none were.
    std::shared_ptr<const NamedArrays> original;
};

/// A network over some of the samples.
struct Score {
    std::int64_t samples = 0;
    double loss = 0;     ///< mean cross entropy; 0 without samples
    double accuracy = 0; ///< share of samples whose label is the greatest output, 0 … 1
};

/// The network after an epoch.
struct EpochReport {
    int epoch = 0; ///< 0: before training
    Score training, heldOut;

    /// What epochs are chosen by: the samples held out, or all where there are none.
    const Score& judging() const { return heldOut.samples > 0 ? heldOut : training; }
};

/// What fine-tuning gives.
struct Finetuned {
    NamedArrays parameters; ///< under the file's names; empty when stopped
    EpochReport original;   ///< the model file's own weights, in float
    EpochReport before;     ///< quantized, before training
    EpochReport best;       ///< the epoch that is kept
};

} // namespace fxp::quant
