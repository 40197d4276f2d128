#pragma once

#include "quant/graph/network.h"

#include "quant/import/file_check.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Reads a model file; its content, and not its name, decides what it is. Throws Error naming the file when it is
/// missing, damaged or of a kind that is not known, and says which kind it is where that can be told; Stopped where
/// `stop` said so. `check` is asked before LibTorch's own loader reads the file, and before the model's operators run;
/// without one, a file with code that LibTorch's loader would run is refused. `method`: the one of a TorchScript file
/// that runs, see openTorchScript().
std::unique_ptr<Network> openNetwork(const std::string& file, const StopRequest& stop = {}, const FileCheck& check = {},
                                     const std::string& method = {});

} // namespace fxp::quant
