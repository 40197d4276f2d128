#include "quant/export/words.h"

#include "quant/core/error.h"

#include <cmath>

namespace fxp::quant {

namespace {

std::uint64_t maskOf(const QType& type) {
    return ~std::uint64_t{0} >> (64 - *type.totalBits);
}

[[noreturn]] void notAWord(const std::string& where, std::size_t element, const char* what, const char* hint) {
    throw Error(where, "its element " + std::to_string(element) + " " + what, hint);
}

} // namespace

bool isSigned(const QType&) {
    return true;
}

WordRange wordRange(const QType& type) {
    const auto high = static_cast<std::int64_t>(maskOf(type) >> 1);
    return {type.overflow == Overflow::SaturateSymmetric ? -high : -high - 1, high};
}

MemoryWords wordsOf(const Array& values, const QType& type, const std::string& where) {
    const WordRange range = wordRange(type);
    const auto high = static_cast<double>(range.high), low = static_cast<double>(range.low);
    const int fraction = *type.fractionalBits;
    const auto count = static_cast<std::size_t>(values.count());
    const float* x = values.floats();
    MemoryWords words(count);
    for (std::size_t i = 0; i < count; ++i) {
        const double v = std::ldexp(static_cast<double>(x[i]), fraction); // exact
        if (std::isnan(v))
            notAWord(where, i, "is NaN, which no word stands for", "correct the model or the samples");
        // 2^63 is no int64, and neither is 2^(T−1) a word of T bits.
        std::int64_t word = v >= high ? range.high : v <= low ? range.low : static_cast<std::int64_t>(v);
        if (static_cast<float>(std::ldexp(static_cast<double>(word), -fraction)) != x[i])
            notAWord(where, i, "is not a value of its format", "run the model anew");
        words[i] = word;
    }
    return words;
}

int hexDigits(const QType& type) {
    return (*type.totalBits + 3) / 4;
}

std::string hexOf(std::int64_t word, const QType& type) {
    std::uint64_t bits = static_cast<std::uint64_t>(word) & maskOf(type);
    std::string digits(static_cast<std::size_t>(hexDigits(type)), '0');
    for (std::size_t i = digits.size(); i-- > 0; bits >>= 4)
        digits[i] = "0123456789abcdef"[bits & 15];
    return digits;
}

std::optional<std::int64_t> wordFromHex(std::string_view digits, const QType& type) {
    if (digits.size() != static_cast<std::size_t>(hexDigits(type)))
        return std::nullopt;
    std::uint64_t bits = 0;
    for (const char c : digits) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return std::nullopt;
        bits = bits << 4 | static_cast<std::uint64_t>(digit);
    }
    const std::uint64_t mask = maskOf(type);
    if (bits > mask)
        return std::nullopt;
    const bool negative = isSigned(type) && (bits & (mask ^ (mask >> 1))) != 0;
    return static_cast<std::int64_t>(negative ? bits | ~mask : bits);
}

} // namespace fxp::quant
