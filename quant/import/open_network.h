#pragma once

#include "quant/graph/network.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Reads a model file; its content, and not its name, decides what it is. Throws Error naming the file when it is
/// missing, damaged or of a kind that is not known, and says which kind it is where that can be told; Stopped where
/// `stop` said so.
std::unique_ptr<Network> openNetwork(const std::string& file, const StopRequest& stop = {});

} // namespace fxp::quant
