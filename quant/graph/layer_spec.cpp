#include "quant/graph/layer_spec.h"

namespace fxp::quant {

std::string joinPath(const std::string& parent, const std::string& name) {
    if (parent.empty())
        return name;
    return name.empty() ? parent : parent + "." + name;
}

} // namespace fxp::quant
