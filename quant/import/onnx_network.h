#pragma once

#include "quant/graph/network.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// Reads an ONNX file: operators of ONNX's own domain, opset 1 to 21, and the file's own functions. Throws Error naming
/// the file when it is damaged, or needs operators that are not known.
std::unique_ptr<Network> openOnnx(const std::string& file);

} // namespace fxp::quant
