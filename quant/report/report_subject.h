#pragma once

#include "quant/engine/run_result.h"
#include "quant/graph/layer_spec.h"
#include "quant/io/qconfig.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fxp::quant {

/// What a run was made from beside the model, mostly a file.
struct ReportedFile {
    std::string use;    ///< "Samples", "Labels", "Weights", "QConfig", "Setting"
    std::string name;   ///< without its folder
    std::string sha256; ///< in hexadecimal; empty for what is no file: random samples, a setting
};

/// A run and all that it was made from: what the reports for people are written of. The references outlive it.
struct ReportSubject {
    const ModelIdentity& model;
    std::vector<ReportedFile> files; ///< beside the model
    std::int64_t samples = 0;
    const std::vector<SlotInfo>& slots;
    const Formats& formats;
    const RunResult& result;

    /// Whether the tensor has figures to show: it was computed, and is quantized or would be in any run.
    bool shows(std::size_t slot) const {
        return result.slots[slot] && (!slots[slot].optional || formats[slot].isComplete());
    }
};

} // namespace fxp::quant
