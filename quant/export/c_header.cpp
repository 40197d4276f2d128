#include "quant/export/c_header.h"

#include "quant/core/code_text.h"
#include "quant/core/error.h"

#include <charconv>
#include <limits>
#include <system_error>

namespace fxp::quant {

namespace {

constexpr std::size_t kPerLine = 12;
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::string_view kLeastText = "(-9223372036854775807 - 1)"; // C has no literal for it

std::string shapeText(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t size : shape)
        text += (text.empty() ? "" : "x") + std::to_string(size);
    return text.empty() ? "one number" : text;
}

} // namespace

std::string commentText(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const bool plain = c > ' ' && c < 127 && c != '*' && c != '\\' && c != '?'; // ??/ is a backslash to some
        result += plain || c == ' ' ? c : '_';
    }
    return result;
}

std::string cHeader(const std::vector<HeaderTensor>& tensors, const std::string& guard) {
    std::string text = "#ifndef " + guard + "\n#define " + guard +
                       "\n\n#include <stdint.h>\n\n/* value = word / 2^fraction_bits; row-major */\n";
    for (const HeaderTensor& tensor : tensors) {
        const std::string& name = tensor.identifier;
        text += "\n/* " + commentText(tensor.path) + ": " + shapeText(tensor.shape) + " */\n";
        text += cTypedef(tensor.type, name);
        text += "enum { " + name + "_count = " + std::to_string(tensor.words.size()) + " };\n";
        text += "static const " + name + "_t " + name + "[" + std::to_string(tensor.words.size()) + "] = {";
        for (std::size_t i = 0; i < tensor.words.size(); ++i) {
            text += i % kPerLine == 0 ? "\n    " : " ";
            text += tensor.words[i] == kLeast ? std::string(kLeastText) : std::to_string(tensor.words[i]);
            text += i + 1 < tensor.words.size() ? "," : "\n";
        }
        text += "};\n";
    }
    return text + "\n#endif\n";
}

MemoryWords readCArray(std::string_view header, const std::string& identifier, const std::string& where) {
    const auto fail = [&](const std::string& what) -> void {
        throw Error(where, "the array " + identifier + " " + what, "export it again");
    };
    const auto skipSpaces = [&] {
        while (!header.empty() && (header.front() == ' ' || header.front() == '\n'))
            header.remove_prefix(1);
    };
    const std::string begin = "static const " + identifier + "_t " + identifier + "[";
    const std::size_t at = header.find(begin);
    if (at == std::string_view::npos)
        fail("is missing");
    header.remove_prefix(at + begin.size());
    std::size_t count = 0;
    const auto [end, code] = std::from_chars(header.data(), header.data() + header.size(), count);
    header.remove_prefix(static_cast<std::size_t>(end - header.data()));
    constexpr std::string_view kOpen = "] = {";
    if (code != std::errc() || !header.starts_with(kOpen))
        fail("has no size");
    header.remove_prefix(kOpen.size());
    MemoryWords words;
    for (bool more = true; more;) {
        skipSpaces();
        std::int64_t word = kLeast;
        if (header.starts_with(kLeastText)) {
            header.remove_prefix(kLeastText.size());
        } else {
            const auto number = std::from_chars(header.data(), header.data() + header.size(), word);
            if (number.ec != std::errc())
                fail("is cut off");
            header.remove_prefix(static_cast<std::size_t>(number.ptr - header.data()));
        }
        words.push_back(word);
        more = header.starts_with(',');
        header.remove_prefix(more ? 1 : 0);
    }
    skipSpaces();
    if (!header.starts_with("};") || words.size() != count)
        fail("is not whole");
    return words;
}

} // namespace fxp::quant
