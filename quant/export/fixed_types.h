#pragma once

#include "quant/core/qtype.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// A library of fixed-point types for C++.
enum class TypesTarget : std::uint8_t { ApFixed, AcFixed, ScFixed };
inline constexpr std::array kTypesTargets{TypesTarget::ApFixed, TypesTarget::AcFixed, TypesTarget::ScFixed};

/// `ap_fixed`, `ac_fixed`, `sc_fixed`.
constexpr std::string_view name(TypesTarget target) {
    constexpr std::array<std::string_view, 3> kNames{"ap_fixed", "ac_fixed", "sc_fixed"};
    return kNames[static_cast<std::size_t>(target)];
}
/// Of such a name, or its first two letters.
std::optional<TypesTarget> typesTarget(std::string_view text);

/// The format as a type of that library: the one that makes the same integer of every finite value. `float` for a
/// float tensor. "" where the library has none; whyNoType says why.
std::string fixedType(const QType& type, TypesTarget target);
/// Why the library has no type that computes as the format does; "" where it has one.
std::string whyNoType(const QType& type, TypesTarget target);

/// One tensor of a header of types.
struct TypedTensor {
    std::string path;
    std::string identifier; ///< of Identifiers
    QType type;
};

/// A header of C++ with a typedef `<identifier>_t` for every tensor, once for each target, in the namespaces `fxp_ap`,
/// `fxp_ac` and `fxp_sc`. A section is read where FXP_AP_FIXED, FXP_AC_FIXED or FXP_SC_FIXED is defined, as not
/// everyone has each library. A tensor that a target cannot express is a comment there that says so.
std::string typesHeader(const std::vector<TypedTensor>& tensors, const std::vector<TypesTarget>& targets);

/// Reads such a header and compares each type with the tensor's format. Throws Error, `where`, at the first difference.
void checkTypesHeader(std::string_view header, const std::vector<TypedTensor>& tensors,
                      const std::vector<TypesTarget>& targets, const std::string& where);

} // namespace fxp::quant
