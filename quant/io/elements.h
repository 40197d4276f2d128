#pragma once

#include "quant/engine/array.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace fxp::quant {

/// Bytes of one element of a type by NumPy's name: f2, f4, f8, i1 … u8, b1; or bf2 for bfloat16. 0 for any other.
std::size_t elementBytes(const std::string& type);

/// The product of a shape's sizes; absent where one is negative, or the product is above `limit` or overflows.
std::optional<std::size_t> elementCount(std::span<const std::int64_t> shape, std::size_t limit);

/// Throws Error at `where` for a finite number that becomes infinite as float32, which everything is computed in.
void requireFloat(double value, std::size_t element, const std::string& where);

/// Reads little-endian elements of a known type into an array's bytes and sets its type: real ones become float32,
/// integers int64. Throws Error at `where` when an unsigned integer is beyond int64, or a
/// real number beyond float32.
void decodeElements(const std::string& type, std::span<const std::byte> bytes, const std::string& where, Array& array);

} // namespace fxp::quant
