#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fxp::quant {

/// How x · 2^F becomes an integer. FIXED_POINT.md, section 2.
enum class Rounding : std::uint8_t {
    Round,         ///< nearest, ties to even
    Trunc,         ///< toward zero
    Floor,         ///< toward −∞
    Ceil,          ///< toward +∞
    RoundHalfUp,   ///< nearest, ties toward +∞
    RoundHalfDown, ///< nearest, ties toward −∞
    RoundHalfAway, ///< nearest, ties away from zero
    RoundHalfZero, ///< nearest, ties toward zero
    Stochastic,    ///< up with probability equal to the dropped fraction
};

/// What an integer outside q_min … q_max becomes.
enum class Overflow : std::uint8_t {
    Saturate,          ///< q_min or q_max
    SaturateSymmetric, ///< −q_max or q_max
    SaturateZero,      ///< 0
    Wrap,              ///< modulo 2^T, two's complement; ±Inf saturates, because it has no residue
};

inline constexpr std::array kRoundings{Rounding::Round,         Rounding::Trunc,         Rounding::Floor,
                                       Rounding::Ceil,          Rounding::RoundHalfUp,   Rounding::RoundHalfDown,
                                       Rounding::RoundHalfAway, Rounding::RoundHalfZero, Rounding::Stochastic};
inline constexpr std::array kOverflows{Overflow::Saturate, Overflow::SaturateSymmetric, Overflow::SaturateZero,
                                       Overflow::Wrap};

inline constexpr int kMinTotalBits = 2;
inline constexpr int kMaxTotalBits = 64;
/// Beyond this the LSB leaves the range of a double; no float32 tensor has a use for it.
inline constexpr int kMaxFractionalBits = 512;

/// A scale that is no power of two: value = (integer − zero point) · scale. One scale and zero point for the tensor, or
/// one for each index along `axis`.
struct Affine {
    std::vector<double> scale;           ///< positive, finite
    std::vector<std::int64_t> zeroPoint; ///< as many; inside the integers of T bits
    int axis = -1;                       ///< the tensor's dimension of the channels; −1: the whole tensor is one

    bool perChannel() const { return axis >= 0; }
    bool operator==(const Affine&) const = default;
};

/// The fixed-point format of one tensor: value = integer · 2^−F, the integer in two's complement of T bits. Both counts
/// absent: the tensor stays float. One absent: a partial format, which is legal until a run needs it. With `affine`, F
/// is absent, and `affine` scales the integers.
struct QType {
    std::optional<int> totalBits;      ///< T, 2 … 64, sign included
    std::optional<int> fractionalBits; ///< F; may be negative, or larger than T
    Rounding rounding = Rounding::Round;
    Overflow overflow = Overflow::Saturate;
    std::optional<Affine> affine = std::nullopt;

    bool isFloat() const { return !totalBits && !fractionalBits && !affine; }
    bool isComplete() const { return totalBits && (fractionalBits || affine); }
    bool isPartial() const { return !isFloat() && !isComplete(); }
    /// Complete, and scaled by a power of two: the format has a binary point.
    bool hasPoint() const { return totalBits && fractionalBits; }

    /// I = T − F, sign bit included. Only for a format with a point.
    int integerBits() const { return *totalBits - *fractionalBits; }
    double lsb() const;     ///< 2^−F, or the largest channel's scale. Only for a complete format.
    double lowest() const;  ///< the least representable value, after SATURATE_SYMMETRIC where it applies
    double highest() const; ///< the greatest representable value

    /// The same method on a word of T bits with the binary point at F; a scale is dropped. Any T and F: validate() says
    /// whether they are legal.
    QType withPoint(int total, int fraction) const;

    bool operator==(const QType&) const = default;
};

/// Throws Error, naming `where`, when T or F lies outside its limits, or a scale or zero point makes no sense.
void validate(const QType& type, const std::string& where);

/// `ROUND`, `TRUNC`, …: the name's part in a q_method.
std::string_view name(Rounding rounding);
/// `SATURATE`, `WRAP`, …
std::string_view name(Overflow overflow);
/// `<ROUNDING>_<OVERFLOW>`, e.g. `ROUND_SATURATE`.
std::string methodName(const QType& type);
/// Sets rounding and overflow from such a name; false when it is unknown.
bool parseMethod(std::string_view text, QType& type);
/// FxPyTorch's integer for the method: TRUNC_SATURATE = 1, ROUND_SATURATE = 2; absent for methods that FxPyTorch does
/// not have.
std::optional<int> fxpytorchMethod(const QType& type);

} // namespace fxp::quant
