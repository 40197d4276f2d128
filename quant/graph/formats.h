#pragma once

#include "quant/core/qtype.h"

#include <vector>

namespace fxp::quant {

/// One format per slot, in the order of the model's slots.
using Formats = std::vector<QType>;

} // namespace fxp::quant
