#pragma once

#include "quant/engine/array.h"

#include <string>

namespace fxp::quant {

/// Reads a .safetensors file: F16, BF16, F32 and F64 become float32, integers int64, BOOL bool. Throws Error naming
/// the file and what is wrong in it.
NamedArrays readSafetensors(const std::string& file);

/// Writes one atomically: the file is the old one or the new one, never a part.
void writeSafetensors(const std::string& file, const NamedArrays& arrays);

} // namespace fxp::quant
