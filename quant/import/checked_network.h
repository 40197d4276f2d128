#pragma once

#include "quant/graph/network.h"
#include "quant/import/file_check.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// The network of `file` whose operators run in this process only where the check bore them on the same arguments:
/// some operators crash where they should refuse what they are given.
std::unique_ptr<Network> checkedNetwork(std::unique_ptr<Network> network, const std::string& file, FileCheck check);

/// Arguments of Network::record() as bytes, and back.
std::string packArguments(const std::vector<std::optional<at::IValue>>& arguments);
std::vector<std::optional<at::IValue>> unpackArguments(const std::string& bytes);

} // namespace fxp::quant
