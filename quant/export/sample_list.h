#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// The numbers that a text such as `0, 3-5` names, in its order, each once. Empty for an empty text. Throws Error: what
/// of it is no number below `count`.
std::vector<std::int64_t> sampleNumbers(std::string_view text, std::int64_t count);

} // namespace fxp::quant
