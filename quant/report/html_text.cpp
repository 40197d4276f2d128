#include "quant/report/html_text.h"

#include <cstddef>

namespace fxp::quant {

namespace {

/// How many bytes the UTF-8 letter at the beginning has; 0 where there is none.
std::size_t letterLength(std::string_view text) {
    const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
    const unsigned first = byte(0);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0u) != 0x80)
            return 0;
    }
    const unsigned second = byte(1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool noLetter = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
    return overlong || noLetter ? 0 : length;
}

} // namespace

std::string htmlText(std::string_view text) {
    std::string html;
    html.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = letterLength(text);
        const char first = text.front();
        const bool control = (first >= 0 && first < 0x20 && first != '\n' && first != '\t') || first == 0x7F;
        if (length == 0 || control)
            html += "\uFFFD";
        else if (first == '&')
            html += "&amp;";
        else if (first == '<')
            html += "&lt;";
        else if (first == '>')
            html += "&gt;";
        else if (first == '"')
            html += "&quot;";
        else if (first == '\'')
            html += "&#39;";
        else
            html += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return html;
}

} // namespace fxp::quant
