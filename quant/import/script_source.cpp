#include "quant/import/script_source.h"

namespace fxp::quant {

std::string sourceOf(const torch::jit::Node& node) {
    const auto place = node.sourceRange().file_line_col();
    if (!place)
        return {};
    const std::string file = std::get<0>(*place);
    return file.substr(file.find_last_of("/\\") + 1) + ":" + std::to_string(std::get<1>(*place));
}

} // namespace fxp::quant
