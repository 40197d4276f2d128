#pragma once

#include "quant/core/one_line.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fxp::cli {

/// `16x1x28x28`.
std::string shapeText(const std::vector<std::int64_t>& shape);
/// `97.25 %`; `-` where there is none.
std::string percent(const std::optional<double>& share);

} // namespace fxp::cli
