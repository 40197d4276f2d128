#pragma once

#include "quant/engine/array.h"

#include <string>

namespace fxp::quant {

/// Reads a NumPy .npy file. float16/32/64 become float32; integers int64; booleans bool. C and Fortran order.
/// Throws Error: file, what is wrong.
Array readNpy(const std::string& file);

/// Reads a NumPy .npz archive, stored or deflated; names without the `.npy`.
NamedArrays readNpz(const std::string& file);

/// Writes an uncompressed .npz atomically: the file is the old one or the new one, never a part.
void writeNpz(const std::string& file, const NamedArrays& arrays);

} // namespace fxp::quant
