#include "quant/report/report_numbers.h"

#include <array>
#include <charconv>
#include <cmath>

namespace fxp::quant {

namespace {

template <class... Form> std::string written(double value, Form... form) {
    std::array<char, 400> text; // the longest: 1e308 with all its digits before the point
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, form...).ptr;
    return {text.data(), end};
}

std::string withMinus(std::string text) {
    for (std::size_t at = 0; (at = text.find('-', at)) != std::string::npos; ++at)
        text.replace(at, 1, "−");
    return text;
}

} // namespace

std::string exactNumber(double value) {
    return written(value);
}

std::string shownNumber(double value, int digits) {
    if (std::isinf(value))
        return value > 0 ? "∞" : "−∞";
    return withMinus(written(value, std::chars_format::general, digits));
}

std::string fixedNumber(double value, int decimals) {
    if (std::isinf(value))
        return value > 0 ? "∞" : "−∞";
    std::string text = written(value, std::chars_format::fixed, decimals);
    if (text.find_first_not_of("-0.") == std::string::npos && text.front() == '-')
        text.erase(0, 1); // −0.0 says no more than 0.0
    return withMinus(std::move(text));
}

std::string groupedNumber(std::int64_t value) {
    std::string text = std::to_string(value);
    const std::size_t first = text.front() == '-' ? 1 : 0;
    for (std::size_t at = text.size(); at > first + 3; at -= 3)
        text.insert(at - 3, ",");
    return withMinus(std::move(text));
}

} // namespace fxp::quant
