#pragma once

#include "quant/graph/network.h"

#include <memory>
#include <string>

namespace fxp::quant {

/// A file of weights as a network without a program: a slot for each tensor of floats, under the module that its name
/// says. Throws Error naming the file.
std::unique_ptr<Network> openWeights(const std::string& file);

} // namespace fxp::quant
