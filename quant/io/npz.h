#pragma once

#include "quant/engine/array.h"
#include "quant/io/npy.h"

#include <cstddef>
#include <span>
#include <string>

namespace fxp::quant {

/// Reads a .npy file: see npy.h. Throws Error: file, what is wrong.
Array readNpy(const std::string& file);

/// Reads a NumPy .npz archive, stored or deflated; names without the `.npy`. Throws Error: file, what is wrong.
NamedArrays readNpz(const std::string& file);
/// The same of the file's bytes. Refused are members that inflate beyond what deflate can or the archive's size
/// suggests, that overlap, are encrypted, or share a name.
NamedArrays readNpz(std::span<const std::byte> bytes, const std::string& where);

/// Writes an uncompressed .npz atomically: the file is the old one or the new one, never a part.
void writeNpz(const std::string& file, const NamedArrays& arrays);

} // namespace fxp::quant
