#include "app/cli/text.h"

#include <cstdio>

namespace fxp::cli {

std::string shapeText(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t size : shape)
        text += (text.empty() ? "" : "x") + std::to_string(size);
    return text;
}

std::string percent(const std::optional<double>& share) {
    if (!share)
        return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", 100 * *share);
    return text;
}

} // namespace fxp::cli
