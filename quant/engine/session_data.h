#pragma once

#include "quant/engine/batch.h"
#include "quant/engine/session.h"
#include "quant/graph/network.h"

#include <memory>
#include <optional>
#include <vector>

namespace fxp::quant {

/// All data of a session that depend on its samples; made anew for new samples, and swapped in whole.
struct Session::Data {
    std::shared_ptr<const Samples> samples;
    std::int64_t count = 0;
    std::string notFinite; ///< what the user must know of the samples; empty where all values are finite
    std::vector<SlotInfo> slots;
    std::vector<LayerSpec> layers;
    std::vector<std::unique_ptr<Batch>> batches;
    std::vector<char> cached;                          ///< by batch: its tensors are kept between runs
    std::int64_t chosenOn = 0;                         ///< samples that formats are chosen on; 0: all
    std::vector<ValueRange> floatRanges;               ///< by slot
    std::vector<ValueRange> choosingRanges;            ///< the same, of the samples that choose
    std::vector<LinearRange> histogramRanges;          ///< by slot
    std::vector<std::vector<at::Tensor>> floatOutputs; ///< by output, by batch

    // The last run.
    std::vector<std::vector<at::Tensor>> quantizedOutputs;
    Formats formats;                        ///< of the last run, complete or not
    std::optional<Formats> completeFormats; ///< of the last complete one
    RunSnapshot latest;
};

/// Concatenates the parts of one tensor, one per batch, along the dimension of the samples.
at::Tensor joined(const std::vector<at::Tensor>& parts, int dimension);

at::Tensor toTensor(const Array& array);
Array toArray(const at::Tensor& tensor);

} // namespace fxp::quant
