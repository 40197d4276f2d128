#pragma once

#include "quant/graph/network.h"
#include "quant/import/file_check.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// What a recording runs.
struct ModelCall {
    std::string method;                               ///< of a TorchScript file; empty: its own choice
    std::vector<std::optional<at::IValue>> arguments; ///< of Network::record()
};

/// The network of `file` whose operators run in this process only where the check bore them on the arguments of the
/// first recording: some operators crash where they should refuse what they are given. `method`: the one that `network`
/// runs.
std::unique_ptr<Network> checkedNetwork(std::unique_ptr<Network> network, const std::string& file, FileCheck check,
                                        const std::string& method = {});

/// A call as bytes, and back.
std::string packCall(const ModelCall& call);
ModelCall unpackCall(const std::string& bytes);

} // namespace fxp::quant
