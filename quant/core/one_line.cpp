#include "quant/core/one_line.h"

#include <algorithm>

namespace fxp {

namespace {

/// The bytes of the UTF-8 character that the text begins with, and its number; 0 bytes where it begins with none.
std::size_t characterOf(std::string_view text, char32_t& character) {
    const auto byte = static_cast<unsigned char>(text[0]);
    const std::size_t length = byte < 0x80   ? 1
                               : byte < 0xC2 ? 0
                               : byte < 0xE0 ? 2
                               : byte < 0xF0 ? 3
                               : byte < 0xF5 ? 4
                                             : 0;
    if (length == 0 || length > text.size())
        return 0;
    character = length == 1 ? byte : byte & (0x7F >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0) != 0x80)
            return 0;
        character = character << 6 | (next & 0x3F);
    }
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000}; // a longer form of a smaller one is none
    const bool isSurrogate = character >= 0xD800 && character < 0xE000;
    return character < kLeast[length] || character > 0x10FFFF || isSurrogate ? 0 : length;
}

/// Control characters, of both sets, ends of lines and paragraphs, and marks of the direction of writing.
bool isObeyed(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

} // namespace

std::string oneLine(std::string_view text) {
    std::string line;
    while (!text.empty()) {
        char32_t character = 0;
        const std::size_t length = characterOf(text, character);
        if (length == 0)
            line += '?';
        else if (isObeyed(character))
            line += ' ';
        else
            line += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return line;
}

} // namespace fxp
