#include "quant/export/sample_list.h"

#include "quant/core/error.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

namespace fxp::quant {

namespace {

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' '))
        text.remove_prefix(1);
    while (text.ends_with(' '))
        text.remove_suffix(1);
    return text;
}

std::optional<std::int64_t> numberIn(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc() && end == text.data() + text.size() && value >= 0 ? std::optional(value) : std::nullopt;
}

} // namespace

std::vector<std::int64_t> sampleNumbers(std::string_view text, std::int64_t count) {
    std::vector<std::int64_t> numbers;
    std::string_view rest = trimmed(text);
    for (bool more = !rest.empty(); more;) {
        const std::size_t comma = rest.find(',');
        const std::string_view part = trimmed(rest.substr(0, comma));
        more = comma != std::string_view::npos;
        rest.remove_prefix(more ? comma + 1 : 0);
        const std::size_t dash = part.find('-');
        const auto first = numberIn(trimmed(part.substr(0, dash)));
        const auto last = dash == std::string_view::npos ? first : numberIn(trimmed(part.substr(dash + 1)));
        if (!first || !last || *last < *first)
            throw Error("samples", "\"" + std::string(part) + "\" is no number of a sample", "write them as 0, 3-5");
        if (*last >= count)
            throw Error("samples", "there is no sample " + std::to_string(*last),
                        count > 0 ? "they go from 0 to " + std::to_string(count - 1) : "open some");
        for (std::int64_t number = *first; number <= *last; ++number) {
            if (std::ranges::find(numbers, number) == numbers.end())
                numbers.push_back(number);
        }
    }
    return numbers;
}

} // namespace fxp::quant
