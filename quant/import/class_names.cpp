#include "quant/import/class_names.h"

namespace fxp::quant {

std::string plainClassName(const std::string& qualifiedName) {
    const std::string root = "__torch__.", mangled = "___torch_mangle_", modules = "torch.nn.modules.";
    std::string name = qualifiedName.starts_with(root) ? qualifiedName.substr(root.size()) : qualifiedName;
    for (std::size_t begin = name.find(mangled); begin != std::string::npos; begin = name.find(mangled, begin)) {
        const std::size_t end = name.find('.', begin);
        if (end == std::string::npos)
            break;
        name.erase(begin, end + 1 - begin);
    }
    return name.starts_with(modules) ? "torch.nn." + name.substr(modules.size()) : name;
}

} // namespace fxp::quant
