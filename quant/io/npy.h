#pragma once

#include "quant/engine/array.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fxp::quant {

/// Reads the bytes of a NumPy .npy file (NumPy Enhancement Proposal 1, versions 1 to 3). float16/32/64 become float32;
/// integers int64; booleans bool. C and Fortran order. A shape larger than the bytes present is refused before memory
/// is allocated. Throws Error at `where`.
Array readNpy(std::span<const std::byte> bytes, const std::string& where);

/// The header of a .npy file for the array; the elements follow it in the order of Array.
std::string npyHeader(const Array& array);
/// The same for elements of a type by NumPy's name with its byte order: `<i2`.
std::string npyHeader(const std::string& type, const std::vector<std::int64_t>& shape);

} // namespace fxp::quant
