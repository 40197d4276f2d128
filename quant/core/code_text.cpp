#include "quant/core/code_text.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>

namespace fxp::quant {

namespace {

constexpr int kFloatBits = 24; ///< integers of so many bits are float32 values

/// The shortest digits that read back as the same number, in any locale.
std::string exactly(double value) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return {digits.data(), end};
}

std::string identifier(std::string_view path) {
    std::string name;
    for (const char letter : path)
        name += std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())))
        name.insert(0, "t_");
    return name;
}

template <class Values, class Text> std::string joined(const Values& values, const Text& text) {
    std::string all;
    for (const auto& value : values)
        all += (all.empty() ? "" : ", ") + text(value);
    return all;
}

/// Rounds the expression `v` to integers; `v` is used twice at most.
std::string rounded(Rounding rounding, const std::string& v) {
    switch (rounding) {
    case Rounding::Round: return "np.rint(" + v + ")";
    case Rounding::Trunc: return "np.trunc(" + v + ")";
    case Rounding::Floor: return "np.floor(" + v + ")";
    case Rounding::Ceil: return "np.ceil(" + v + ")";
    case Rounding::RoundHalfUp: return "np.floor(" + v + " + 0.5)";
    case Rounding::RoundHalfDown: return "np.ceil(" + v + " - 0.5)";
    case Rounding::RoundHalfAway: return "np.copysign(np.floor(np.abs(" + v + ") + 0.5), x)";
    case Rounding::RoundHalfZero: return "np.copysign(np.ceil(np.abs(" + v + ") - 0.5), x)";
    case Rounding::Stochastic: break;
    }
    return {};
}

} // namespace

std::string cTypedef(const QType& type, std::string_view path) {
    const std::string name = identifier(path);
    if (type.isFloat())
        return "typedef float " + name + "_t;\n";
    if (!type.isComplete())
        return {};
    const int total = *type.totalBits;
    const int width = total <= 8 ? 8 : total <= 16 ? 16 : total <= 32 ? 32 : 64;
    const std::string bits = std::to_string(total);
    std::string text = "typedef int" + std::to_string(width) + "_t " + name + "_t;\n";
    if (!type.affine)
        return text + "enum { " + name + "_total_bits = " + bits + ", " + name +
               "_fraction_bits = " + std::to_string(*type.fractionalBits) + " };\n";
    const Affine& affine = *type.affine;
    text += "enum { " + name + "_total_bits = " + bits + " };\n";
    const auto constant = [&](const std::string& of, const std::string& what, const std::string& values) {
        const bool many = affine.perChannel();
        text += "static const " + of + " " + name + what +
                (many ? "[" + std::to_string(affine.scale.size()) + "] = {" + values + "}" : " = " + values) + ";\n";
    };
    constant("double", "_scale", joined(affine.scale, exactly));
    constant("int64_t", "_zero_point",
             joined(affine.zeroPoint, [](std::int64_t zero) { return std::to_string(zero); }));
    return text;
}

std::string numpyExpression(const QType& type) {
    if (type.isFloat())
        return "np.float32(x)";
    if (!type.isComplete() || *type.totalBits > kFloatBits || type.rounding == Rounding::Stochastic ||
        (type.affine && type.affine->perChannel()))
        return {};
    const std::int64_t zero = type.affine ? type.affine->zeroPoint.front() : 0;
    const auto plus = [](const std::string& text, std::int64_t number) {
        return number == 0 ? text : text + (number > 0 ? " + " : " - ") + std::to_string(number > 0 ? number : -number);
    };
    const std::string value = type.affine ? "np.float64(x) / " + exactly(type.affine->scale.front())
                                          : "np.float64(x) * 2.0**" + std::to_string(*type.fractionalBits);
    const std::string code = plus(rounded(type.rounding, value), zero);
    const std::int64_t highest = (std::int64_t{1} << (*type.totalBits - 1)) - 1, lowest = -highest - 1;
    const std::string low = std::to_string(lowest), high = std::to_string(highest);
    std::string limited;
    switch (type.overflow) {
    case Overflow::Saturate: limited = "np.clip(" + code + ", " + low + ", " + high + ")"; break;
    case Overflow::SaturateSymmetric: limited = "np.clip(" + code + ", -" + high + ", " + high + ")"; break;
    case Overflow::SaturateZero:
        limited = "(lambda q: np.where((q < " + low + ") | (q > " + high + "), " + std::to_string(zero) + ", q))(" +
                  code + ")";
        break;
    case Overflow::Wrap:
        limited = "((" + plus(code, -lowest) + ") % " + std::to_string(std::int64_t{1} << *type.totalBits) + " - " +
                  std::to_string(-lowest) + ")";
        break;
    }
    const std::string integers = zero == 0 ? limited : "(" + plus(limited, -zero) + ")";
    return "np.float32(" + integers + " * " +
           (type.affine ? exactly(type.affine->scale.front()) : "2.0**" + std::to_string(-*type.fractionalBits)) + ")";
}

} // namespace fxp::quant
