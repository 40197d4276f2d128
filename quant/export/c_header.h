#pragma once

#include "quant/export/words.h"

#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// One tensor of a header.
struct HeaderTensor {
    std::string path;
    std::string identifier; ///< of Identifiers
    QType type;             ///< with a point
    std::vector<std::int64_t> shape;
    MemoryWords words; ///< at least one
};

/// A header of C99 and C++: per tensor the type and constants of code_text.h, the number of its words, and the words as
/// an array of its identifier. `guard`: the macro against reading it twice.
std::string cHeader(const std::vector<HeaderTensor>& tensors, const std::string& guard);

/// The words of the array of that name in such a header. Throws Error, `where`: there is none, or it is not whole.
MemoryWords readCArray(std::string_view header, const std::string& identifier, const std::string& where);

/// A text for a comment, on one line, that no comment ends in.
std::string commentText(std::string_view text);

} // namespace fxp::quant
