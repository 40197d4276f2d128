#include "quant/core/notation.h"

#include <algorithm>
#include <cstdio>
#include <regex>
#include <utility>

namespace fxp::quant {

namespace {

constexpr std::pair<Rounding, const char*> kApRoundings[] = {{Rounding::Round, "AP_RND_CONV"},
                                                             {Rounding::Trunc, "AP_TRN_ZERO"},
                                                             {Rounding::Floor, "AP_TRN"},
                                                             {Rounding::RoundHalfUp, "AP_RND"},
                                                             {Rounding::RoundHalfDown, "AP_RND_MIN_INF"},
                                                             {Rounding::RoundHalfAway, "AP_RND_INF"},
                                                             {Rounding::RoundHalfZero, "AP_RND_ZERO"}};
constexpr std::pair<Overflow, const char*> kApOverflows[] = {{Overflow::Saturate, "AP_SAT"},
                                                             {Overflow::SaturateSymmetric, "AP_SAT_SYM"},
                                                             {Overflow::SaturateZero, "AP_SAT_ZERO"},
                                                             {Overflow::Wrap, "AP_WRAP"}};

template <class Table, class Key> const char* apName(const Table& table, Key key) {
    for (const auto& [value, text] : table) {
        if (value == key)
            return text;
    }
    return nullptr;
}

template <class Table, class Value> bool apValue(const Table& table, const std::string& text, Value& out) {
    for (const auto& [value, name] : table) {
        if (text == name) {
            out = value;
            return true;
        }
    }
    return false;
}

std::string writeApFixed(const QType& type) {
    std::string text = "ap_fixed<" + std::to_string(*type.totalBits) + "," + std::to_string(type.integerBits());
    const char* rounding = apName(kApRoundings, type.rounding);
    const char* overflow = apName(kApOverflows, type.overflow);
    if (rounding && overflow)
        text += std::string(",") + rounding + "," + overflow;
    return text + ">";
}

/// The integers' scale: `×0.0123 +3`, or of channels their least and greatest: `×0.0011…0.023 /64`.
std::string writeScale(const QType& type) {
    const auto number = [](double value) {
        char text[32];
        std::snprintf(text, sizeof text, "%.4g", value);
        return std::string(text);
    };
    const auto [least, greatest] = std::ranges::minmax(type.affine->scale);
    std::string text = "×" + number(least);
    if (type.affine->perChannel())
        return text + "…" + number(greatest) + " /" + std::to_string(type.affine->scale.size());
    const std::int64_t zero = type.affine->zeroPoint[0];
    if (zero != 0)
        text += (zero > 0 ? " +" : " −") + std::to_string(std::abs(zero));
    return text;
}

/// Applies T and F to `base`; absent when they are no legal format.
std::optional<QType> withBits(QType base, long total, long fraction) {
    if (total < kMinTotalBits || total > kMaxTotalBits || std::labs(fraction) > kMaxFractionalBits)
        return std::nullopt;
    base.totalBits = static_cast<int>(total);
    base.fractionalBits = static_cast<int>(fraction);
    base.affine.reset();
    return base;
}

} // namespace

std::string write(const QType& type, Notation notation) {
    if (type.isFloat())
        return "float";
    if (type.isPartial())
        return {};
    const std::string total = std::to_string(*type.totalBits);
    if (type.affine)
        return writeScale(type);
    const std::string fraction = std::to_string(*type.fractionalBits);
    switch (notation) {
    case Notation::SignIntegerFraction: return "s" + std::to_string(type.integerBits() - 1) + "." + fraction;
    case Notation::Q: return "Q" + std::to_string(type.integerBits()) + "." + fraction;
    case Notation::ApFixed: return writeApFixed(type);
    case Notation::Fi: return "fi(1," + total + "," + fraction + ")";
    }
    return {};
}

std::optional<QType> parseNotation(std::string_view text, const QType& base) {
    static const std::regex kSign(R"(\s*s(-?\d{1,4})\.(-?\d{1,4})\s*)");
    static const std::regex kQ(R"(\s*[qQ](-?\d{1,4})\.(-?\d{1,4})\s*)");
    static const std::regex kApFixed(
        R"(\s*a[pc]_fixed\s*<\s*(\d{1,4})\s*,\s*(-?\d{1,4})\s*(?:,\s*(\w+)\s*)?(?:,\s*(\w+)\s*)?>\s*)");
    static const std::regex kFi(R"(\s*fi\s*\(\s*(?:1|true)\s*,\s*(\d{1,4})\s*,\s*(-?\d{1,4})\s*\)\s*)");
    static const std::regex kFloat(R"(\s*float(?:32)?\s*)");

    const std::string input(text);
    std::smatch match;
    const auto number = [&match](int group) { return std::stol(match[static_cast<std::size_t>(group)].str()); };
    if (std::regex_match(input, match, kFloat)) {
        QType type = base;
        type.totalBits.reset();
        type.fractionalBits.reset();
        type.affine.reset();
        return type;
    }
    if (std::regex_match(input, match, kSign))
        return withBits(base, number(1) + number(2) + 1, number(2));
    if (std::regex_match(input, match, kQ))
        return withBits(base, number(1) + number(2), number(2));
    if (std::regex_match(input, match, kFi))
        return withBits(base, number(1), number(2));
    if (std::regex_match(input, match, kApFixed)) {
        QType type = base;
        if (match[3].matched && !apValue(kApRoundings, match[3].str(), type.rounding))
            return std::nullopt;
        if (match[4].matched && !apValue(kApOverflows, match[4].str(), type.overflow))
            return std::nullopt;
        return withBits(type, number(1), number(1) - number(2));
    }
    return std::nullopt;
}

} // namespace fxp::quant
