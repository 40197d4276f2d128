#pragma once

#include "quant/graph/network.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Opens a scripted or traced TorchScript file. Throws Error naming the file when it is missing, truncated or something
/// else than TorchScript. Operators that this LibTorch lacks fail when they are run, not here.
std::unique_ptr<Network> openTorchScript(const std::string& file, const StopRequest& stop = {});

} // namespace fxp::quant
