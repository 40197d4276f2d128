#include "quant/core/notation.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace fxp::quant {

namespace {

/// A mode's name in each library; null where the library does not have the mode.
template <class Mode> struct ModeNames {
    Mode mode;
    const char* apFixed;
    const char* acFixed;
    const char* fi;
};

constexpr ModeNames<Rounding> kRoundingNames[] = {
    {Rounding::Round, "AP_RND_CONV", "AC_RND_CONV", "Convergent"},
    {Rounding::Trunc, "AP_TRN_ZERO", "AC_TRN_ZERO", "Zero"},
    {Rounding::Floor, "AP_TRN", "AC_TRN", "Floor"},
    {Rounding::Ceil, nullptr, nullptr, "Ceiling"},
    {Rounding::RoundHalfUp, "AP_RND", "AC_RND", "Nearest"},
    {Rounding::RoundHalfDown, "AP_RND_MIN_INF", "AC_RND_MIN_INF", nullptr},
    {Rounding::RoundHalfAway, "AP_RND_INF", "AC_RND_INF", "Round"},
    {Rounding::RoundHalfZero, "AP_RND_ZERO", "AC_RND_ZERO", nullptr},
    {Rounding::Stochastic, nullptr, nullptr, nullptr}};
constexpr ModeNames<Overflow> kOverflowNames[] = {{Overflow::Saturate, "AP_SAT", "AC_SAT", "Saturate"},
                                                  {Overflow::SaturateSymmetric, "AP_SAT_SYM", "AC_SAT_SYM", nullptr},
                                                  {Overflow::SaturateZero, "AP_SAT_ZERO", "AC_SAT_ZERO", nullptr},
                                                  {Overflow::Wrap, "AP_WRAP", "AC_WRAP", "Wrap"}};

/// Which column of the tables.
template <class Mode> using Library = const char* ModeNames<Mode>::*;

template <class Mode, std::size_t N>
const char* nameIn(const ModeNames<Mode> (&table)[N], Mode mode, Library<Mode> library) {
    const auto found = std::ranges::find(table, mode, &ModeNames<Mode>::mode);
    return found == std::end(table) ? nullptr : (*found).*library;
}

template <class Mode, std::size_t N>
std::optional<Mode> modeOf(const ModeNames<Mode> (&table)[N], std::string_view text, Library<Mode> library) {
    for (const auto& names : table) {
        if (names.*library && text == names.*library)
            return names.mode;
    }
    return std::nullopt;
}

template <class Number, class... Format> std::string numberText(Number value, Format... format) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value, format...).ptr};
}

/// `<begin>, rounding, overflow>`, or "" where the library does not have one of the two modes.
std::string withModes(const std::string& begin, const char* rounding, const char* overflow) {
    return rounding && overflow ? begin + "," + rounding + "," + overflow + ">" : std::string();
}

std::string writeFi(const QType& type) {
    const char* rounding = nameIn(kRoundingNames, type.rounding, &ModeNames<Rounding>::fi);
    const char* overflow = nameIn(kOverflowNames, type.overflow, &ModeNames<Overflow>::fi);
    if (!rounding || !overflow)
        return {};
    std::string text = std::string("fi(1,") + numberText(*type.totalBits) + "," + numberText(*type.fractionalBits);
    // Without their names MATLAB rounds to nearest, ties up, and saturates.
    if (type.rounding != Rounding::RoundHalfUp)
        text += std::string(",'RoundingMethod','") + rounding + "'";
    if (type.overflow != Overflow::Saturate)
        text += std::string(",'OverflowAction','") + overflow + "'";
    return text + ")";
}

/// The scale as text, `×0.0123 +3`; of a format per channel the least and the greatest scale, `×0.0011…0.023 /64`.
std::string writeScale(const QType& type) {
    const auto number = [](double value) { return numberText(value, std::chars_format::general, 4); };
    const auto [least, greatest] = std::ranges::minmax(type.affine->scale);
    std::string text = "×" + number(least);
    if (type.affine->perChannel())
        return text + "…" + number(greatest) + " /" + numberText(type.affine->scale.size());
    const std::int64_t zero = type.affine->zeroPoint[0];
    if (zero > 0)
        text += " +" + numberText(zero);
    else if (zero < 0)
        text += " −" + numberText(std::uint64_t{0} - static_cast<std::uint64_t>(zero)); // −2⁶³ has no int64 magnitude
    return text;
}

bool isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
bool isDigit(char c) {
    return c >= '0' && c <= '9';
}
bool isWordPart(char c) {
    return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Reads a text from its front, piece by piece. Each function says whether the piece was there.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : m_rest(text) {}

    void skipSpaces() {
        while (!m_rest.empty() && isSpace(m_rest.front()))
            m_rest.remove_prefix(1);
    }
    /// Skips the text, if it comes next without a space before it.
    bool skip(std::string_view text) {
        if (!m_rest.starts_with(text))
            return false;
        m_rest.remove_prefix(text.size());
        return true;
    }
    /// Skips the text, if it comes next, and the spaces around it.
    bool symbol(std::string_view text) {
        skipSpaces();
        const bool taken = skip(text);
        skipSpaces();
        return taken;
    }
    /// At most four digits, as no format has more; a minus sign first where it is allowed.
    bool number(long& value, bool maybeNegative = true) {
        std::size_t length = maybeNegative && m_rest.starts_with('-') ? 1 : 0;
        const std::size_t digits = length;
        while (length < m_rest.size() && isDigit(m_rest[length]))
            ++length;
        if (length == digits || length - digits > 4)
            return false;
        std::from_chars(m_rest.data(), m_rest.data() + length, value);
        m_rest.remove_prefix(length);
        return true;
    }
    /// Letters, digits and underscores; empty where none come next.
    std::string_view word() {
        std::size_t length = 0;
        while (length < m_rest.size() && isWordPart(m_rest[length]))
            ++length;
        const std::string_view found = m_rest.substr(0, length);
        m_rest.remove_prefix(length);
        return found;
    }
    bool atEnd() {
        skipSpaces();
        return m_rest.empty();
    }

  private:
    std::string_view m_rest;
};

/// `base` with these T and F; absent when they are not a legal format.
std::optional<QType> withBits(const QType& base, long total, long fraction) {
    if (total < kMinTotalBits || total > kMaxTotalBits || std::labs(fraction) > kMaxFractionalBits)
        return std::nullopt;
    return base.withPoint(static_cast<int>(total), static_cast<int>(fraction));
}

template <class Mode> bool set(Mode& target, std::optional<Mode> mode) {
    target = mode.value_or(target);
    return mode.has_value();
}

/// Reads what stands after `ap_fixed` or `ac_fixed`.
std::optional<QType> parseTemplate(Cursor at, QType base, bool ac) {
    long total = 0, integer = 0;
    if (!at.symbol("<") || !at.number(total, false) || !at.symbol(",") || !at.number(integer))
        return std::nullopt;
    at.skipSpaces();
    if (ac && at.symbol(",")) {
        const std::string_view isSigned = at.word();
        if (isSigned != "true" && isSigned != "1")
            return std::nullopt;
    }
    if (at.symbol(",") &&
        !set(base.rounding,
             modeOf(kRoundingNames, at.word(), ac ? &ModeNames<Rounding>::acFixed : &ModeNames<Rounding>::apFixed)))
        return std::nullopt;
    if (at.symbol(",") &&
        !set(base.overflow,
             modeOf(kOverflowNames, at.word(), ac ? &ModeNames<Overflow>::acFixed : &ModeNames<Overflow>::apFixed)))
        return std::nullopt;
    if (!at.symbol(">") || !at.atEnd())
        return std::nullopt;
    return withBits(base, total, total - integer);
}

/// Reads what stands after `fi`.
std::optional<QType> parseFi(Cursor at, QType base) {
    long total = 0, fraction = 0;
    if (!at.symbol("(") || !(at.skip("1") || at.skip("true")) || !at.symbol(",") || !at.number(total, false) ||
        !at.symbol(",") || !at.number(fraction))
        return std::nullopt;
    while (at.symbol(",")) {
        const bool rounding = at.skip("'RoundingMethod'");
        if ((!rounding && !at.skip("'OverflowAction'")) || !at.symbol(",") || !at.skip("'"))
            return std::nullopt;
        const std::string_view name = at.word();
        const bool known = rounding ? set(base.rounding, modeOf(kRoundingNames, name, &ModeNames<Rounding>::fi))
                                    : set(base.overflow, modeOf(kOverflowNames, name, &ModeNames<Overflow>::fi));
        if (!known || !at.skip("'"))
            return std::nullopt;
    }
    if (!at.symbol(")") || !at.atEnd())
        return std::nullopt;
    return withBits(base, total, fraction);
}

} // namespace

std::string write(const QType& type, Notation notation) {
    if (type.isFloat())
        return "float";
    if (type.isPartial())
        return {};
    if (type.affine)
        return notation == Notation::SignIntegerFraction ? writeScale(type) : std::string();
    const std::string total = numberText(*type.totalBits), fraction = numberText(*type.fractionalBits);
    const std::string integer = numberText(type.integerBits());
    switch (notation) {
    case Notation::SignIntegerFraction: return std::string("s") + numberText(type.integerBits() - 1) + "." + fraction;
    case Notation::Q: return "Q" + integer + "." + fraction;
    case Notation::ApFixed:
        return withModes("ap_fixed<" + total + "," + integer,
                         nameIn(kRoundingNames, type.rounding, &ModeNames<Rounding>::apFixed),
                         nameIn(kOverflowNames, type.overflow, &ModeNames<Overflow>::apFixed));
    case Notation::AcFixed:
        return withModes("ac_fixed<" + total + "," + integer + ",true",
                         nameIn(kRoundingNames, type.rounding, &ModeNames<Rounding>::acFixed),
                         nameIn(kOverflowNames, type.overflow, &ModeNames<Overflow>::acFixed));
    case Notation::Fi: return writeFi(type);
    }
    return {};
}

std::optional<QType> parseNotation(std::string_view text, const QType& base) {
    Cursor at(text);
    at.skipSpaces();
    if (at.skip("ap_fixed"))
        return parseTemplate(at, base, false);
    if (at.skip("ac_fixed"))
        return parseTemplate(at, base, true);
    if (at.skip("float")) {
        at.skip("32");
        QType type = base;
        type.totalBits.reset();
        type.fractionalBits.reset();
        type.affine.reset();
        return at.atEnd() ? std::optional(type) : std::nullopt;
    }
    if (at.skip("fi"))
        return parseFi(at, base);
    const bool withSign = at.skip("s");
    long integer = 0, fraction = 0;
    if ((!withSign && !at.skip("q") && !at.skip("Q")) || !at.number(integer) || !at.skip(".") || !at.number(fraction) ||
        !at.atEnd())
        return std::nullopt;
    return withBits(base, integer + fraction + (withSign ? 1 : 0), fraction);
}

} // namespace fxp::quant
