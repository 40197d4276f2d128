#pragma once

#include "quant/graph/network.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Opens a .pt2 file of torch.export.save. Throws Error naming the file when it is damaged. Operators that this
/// LibTorch lacks are listed when it is run, not here.
std::unique_ptr<Network> openExportedProgram(const std::string& file);

} // namespace fxp::quant
