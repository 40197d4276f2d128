#pragma once

#include <string>
#include <string_view>

namespace fxp {

/// The text in one line, without what a terminal obeys or what turns the direction of writing: a model's own texts may
/// hold all of these. Bytes that are not UTF-8 become question marks.
std::string oneLine(std::string_view text);

} // namespace fxp
