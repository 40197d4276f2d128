#pragma once

#include "quant/core/qtype.h"

#include <string>
#include <string_view>

namespace fxp::quant {

/// The format as a C type, for a tensor of that path: a typedef of the narrowest integer that holds the word, `float`
/// for a float tensor, and constants for its bits, or its scale and zero point. Without comments and without includes
/// (it needs <stdint.h>). "" for a partial format.
std::string cTypedef(const QType& type, std::string_view path);

/// What quantizing does to an array `x`, as an expression of numpy: FIXED_POINT.md, section 1, without the special
/// cases of NaN and Inf. "" where there is none that is exact: for a partial format, STOCHASTIC rounding, a scale per
/// channel, and more than 24 bits, which float32 does not hold.
std::string numpyExpression(const QType& type);

} // namespace fxp::quant
