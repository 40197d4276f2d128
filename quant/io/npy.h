#pragma once

#include "quant/engine/array.h"

#include <cstddef>
#include <span>
#include <string>

namespace fxp::quant {

/// Reads the bytes of a NumPy .npy file (NumPy Enhancement Proposal 1, versions 1 to 3). float16/32/64 become float32;
/// integers int64; booleans bool. C and Fortran order. Nothing is allocated that the bytes do not bear out. Throws
/// Error at `where`.
Array readNpy(std::span<const std::byte> bytes, const std::string& where);

/// The header of a .npy file for the array, up to the elements: they follow as Array has them.
std::string npyHeader(const Array& array);

} // namespace fxp::quant
