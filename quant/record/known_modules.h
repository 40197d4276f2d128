#pragma once

#include "quant/import/module_call.h"

#include <string>

namespace fxp::quant {

/// Whether modules of that class can become a layer.
bool isKnownClass(const std::string& className);

/// The hypotheses for the call, likeliest first. Tensor arguments are taken as the values that `recorder` knows them
/// by.
Candidates candidates(const ModuleCall& call, OperatorRecorder& recorder);

} // namespace fxp::quant
