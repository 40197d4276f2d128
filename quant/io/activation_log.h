#pragma once

#include "quant/engine/session.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace fxp::quant {

/// The activation log as FxPyTorch writes it: FIXED_POINT.md, section 8. ±Infinity and NaN are strings.
nlohmann::ordered_json activationLog(const std::vector<Session::LoggedTensor>& tensors, bool withValues);

} // namespace fxp::quant
