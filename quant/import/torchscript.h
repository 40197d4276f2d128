#pragma once

#include "quant/graph/network.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Opens a scripted or traced TorchScript file. Throws Error naming the file when it is missing, truncated or something
/// else than TorchScript. Operators that this LibTorch lacks fail when they are run, not here. `method`: which one runs;
/// empty is forward, or the only one of a file that has no forward. Where it has several,
/// arguments() and record() throw an Error that names them. Throws Error where the file has no method of that name.
std::unique_ptr<Network> openTorchScript(const std::string& file, const StopRequest& stop = {},
                                         const std::string& method = {});

} // namespace fxp::quant
