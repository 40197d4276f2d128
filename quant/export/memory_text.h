#pragma once

#include "quant/export/memory_kind.h"
#include "quant/export/words.h"

#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// The bytes of one tensor's file of that kind (not CHeader). At least one word. `shape` is in .npy alone.
std::string memoryFile(MemoryKind kind, const MemoryWords& words, const QType& type,
                       const std::vector<std::int64_t>& shape);

/// Reads such a file strictly. Throws Error, `where` and the line: what is not as memoryFile writes it.
MemoryWords readMemoryFile(MemoryKind kind, std::string_view bytes, const QType& type,
                           const std::vector<std::int64_t>& shape, const std::string& where);

} // namespace fxp::quant
