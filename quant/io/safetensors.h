#pragma once

#include "quant/engine/array.h"

#include <cstddef>
#include <span>
#include <string>

namespace fxp::quant {

/// Reads a .safetensors file: F16, BF16, F32 and F64 become float32, integers int64, BOOL bool. Throws Error naming
/// the file and what is wrong in it.
NamedArrays readSafetensors(const std::string& file);
/// The same of the file's bytes. The tensors must fill the data without holes, overlaps and a rest, as the format says.
NamedArrays readSafetensors(std::span<const std::byte> bytes, const std::string& where);

/// Writes one atomically: the file is the old one or the new one, never a part.
void writeSafetensors(const std::string& file, const NamedArrays& arrays);

} // namespace fxp::quant
