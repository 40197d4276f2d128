#pragma once

#include "quant/core/qtype.h"
#include "quant/engine/array.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// The stored integers of a tensor, in row-major order.
using MemoryWords = std::vector<std::int64_t>;

/// Whether the format's words are two's complement. All are; whoever writes or reads a word asks here.
bool isSigned(const QType& type);

/// The least and greatest word of the format.
struct WordRange {
    std::int64_t low, high;
};
WordRange wordRange(const QType& type);

/// The words of quantized values: value = word · 2^−F. A limit of more than 24 bits that float32 cannot hold is the
/// word whose value it stands for: FIXED_POINT.md, section 1. The format has a point. Throws Error, `where`: a value is
/// NaN, or not one of the format's.
MemoryWords wordsOf(const Array& values, const QType& type, const std::string& where);

/// Digits that a word of T bits takes in hexadecimal: ⌈T/4⌉.
int hexDigits(const QType& type);
/// The word's T bits as that many digits.
std::string hexOf(std::int64_t word, const QType& type);
/// The word that such digits are. Absent for other texts: other digits, another number of them, a bit beyond T.
std::optional<std::int64_t> wordFromHex(std::string_view digits, const QType& type);

} // namespace fxp::quant
