#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

namespace fxp::quant {

/// Names that are valid and unique in every target at once: as an identifier of C, C++ and Verilog, and as a file's
/// name on systems that do not tell capitals apart. The same paths in the same order get the same names.
class Identifiers {
  public:
    /// At most so many characters, suffixes not counted.
    static constexpr std::size_t kLongest = 120;

    /// A name for the path that nobody has yet, nor the same with one of the endings that the headers append (`_t`,
    /// `_count`, …): the path with `_` for whatever is no letter or digit; cut with a hash of the path where it is too
    /// long; with `_2`, `_3`, … where it is taken.
    std::string add(std::string_view path);

  private:
    bool claim(const std::string& name);

    std::unordered_set<std::string> m_taken; ///< in small letters
};

} // namespace fxp::quant
