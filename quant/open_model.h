#pragma once

#include "quant/core/stop.h"
#include "quant/engine/session.h"
#include "quant/import/signature.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Opens a model file; its content, and not its name, decides what it is. Throws Error naming the file, and Stopped
/// where `stop` said so. `check` is asked before LibTorch's own loader reads the file, which crashes on some damaged
/// ones: see checkInChild(). `method`: the one of a TorchScript file that runs, see openTorchScript().
std::unique_ptr<Session> openModel(const std::string& file, SessionOptions options = {}, const StopRequest& stop = {},
                                   const FileCheck& check = {}, const std::string& method = {});

} // namespace fxp::quant
