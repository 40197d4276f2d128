#pragma once

#include "quant/engine/array.h"

#include <string>

namespace fxp::quant {

/// Reads `count` little-endian elements into an array's bytes and sets its type: real ones become float32, integers
/// int64. `type` is NumPy's: f2, f4, f8, i1 … u8, b1; or bf2 for bfloat16. False when it is none of these. `data` holds
/// count · elementBytes(type) bytes.
bool decodeElements(const std::string& type, const char* data, std::size_t count, Array& array);

/// Bytes of one element; 0 for an unknown type.
std::size_t elementBytes(const std::string& type);

} // namespace fxp::quant
