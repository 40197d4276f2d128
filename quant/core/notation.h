#pragma once

#include "quant/core/qtype.h"

#include <optional>
#include <string>
#include <string_view>

namespace fxp::quant {

/// The ways in which engineers write a format.
enum class Notation {
    SignIntegerFraction, ///< `s1.4`: sign, integer bits, fraction bits
    Q,                   ///< `Q2.4`: integer bits with the sign, fraction bits
    ApFixed,             ///< `ap_fixed<6,2>`, with rounding and overflow where they are not the class's defaults
    Fi,                  ///< MATLAB's `fi(1,6,4)`: signed, word length, fraction length
};

/// The format in that notation; "float" for a float tensor, "" for a partial one.
std::string write(const QType& type, Notation notation);

/// Reads any of the notations, or "float". Rounding and overflow come from `base` where the text does not name them.
/// Absent when the text is none of them or the bits are out of range.
std::optional<QType> parseNotation(std::string_view text, const QType& base);

} // namespace fxp::quant
