#pragma once

#include "quant/core/stop.h"
#include "quant/graph/module_info.h"
#include "quant/import/container.h"
#include "quant/import/file_check.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fxp::quant {

/// What a model file says of itself without being run.
struct ModelSignature {
    Container container = Container::Unknown;
    std::int64_t fileBytes = 0;
    std::string version;              ///< of the container, as the file has it; empty where it has none
    std::int64_t parameters = 0;      ///< values in all parameters and buffers
    std::int64_t modules = 0;         ///< without the root
    std::vector<ArgumentInfo> inputs; ///< in call order. TorchScript tells types, and neither shapes nor element types
    std::vector<std::string> outputs; ///< their types
    bool weightsOnly = false;         ///< no program (Network::isWeightsOnly)
    /// Why it cannot be opened, and what to do about it; empty where it can. The members above then hold what is known
    /// all the same.
    std::string problem, hint;
};

/// Reads a model file without running it. Throws Error naming the file when there is none, and Stopped where `stop`
/// said so.
ModelSignature readSignature(const std::string& file, const StopRequest& stop = {}, const FileCheck& check = {});

} // namespace fxp::quant
