#pragma once

#include <string>
#include <string_view>

namespace fxp::quant {

/// Text of a model as it may stand in HTML and SVG, in quotes too: nothing of it is markup, and what no page can hold
/// (control characters, bytes that are not UTF-8) becomes the replacement character.
std::string htmlText(std::string_view text);

} // namespace fxp::quant
