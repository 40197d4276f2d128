#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fxp::cli {

/// Replaces the file, or leaves it as it was. Throws Error.
void writeFile(const std::string& file, const std::string& text);
/// The file's text. Throws Error.
std::string readFile(const std::string& file);

/// `16x1x28x28`.
std::string shapeText(const std::vector<std::int64_t>& shape);
/// `97.25 %`; `-` where there is none.
std::string percent(const std::optional<double>& share);

} // namespace fxp::cli
