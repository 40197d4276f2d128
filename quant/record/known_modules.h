#pragma once

#include "quant/record/module_call.h"

#include <string>

namespace fxp::quant {

/// Whether modules of that class can become a layer.
bool isKnownClass(const std::string& className);

/// The hypotheses for the call, likeliest first.
Candidates candidates(const ModuleCall& call, const Builder& builder);

} // namespace fxp::quant
