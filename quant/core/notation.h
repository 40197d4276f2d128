#pragma once

#include "quant/core/qtype.h"

#include <optional>
#include <string>
#include <string_view>

namespace fxp::quant {

/// The ways in which engineers write a format. FIXED_POINT.md, section 2, has the names of each library's modes.
enum class Notation {
    SignIntegerFraction, ///< `s1.4`: sign, integer bits, fraction bits; of a real-valued scale `×0.0123 +3`
    Q,                   ///< `Q2.4`: integer bits with the sign, fraction bits
    ApFixed,             ///< `ap_fixed<6,2,AP_RND_CONV,AP_SAT>`: total bits, integer bits, rounding, overflow
    AcFixed,             ///< `ac_fixed<6,2,true,AC_RND_CONV,AC_SAT>`: the same, and whether it is signed
    Fi,                  ///< MATLAB's `fi(1,6,4)`: signed, word length, fraction length; modes other than its own named
};

/// The format in that notation; "float" for a float tensor, "" for a partial one. Also "" where the notation has no
/// words for the format: a rounding or overflow that the library lacks, or a scale that is not a power of two (only the
/// first notation has scales). `s1.4` and `Q2.4` write the bits, whatever the method is. The text does not depend on
/// the locale.
std::string write(const QType& type, Notation notation);

/// Reads any of the notations, or "float". Rounding and overflow come from `base` where the text does not name them.
/// Absent when the text is not one of them, names an unknown mode, or has bits out of range.
std::optional<QType> parseNotation(std::string_view text, const QType& base);

} // namespace fxp::quant
