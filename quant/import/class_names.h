#pragma once

#include <string>

namespace fxp::quant {

/// `__torch__.torch.nn.modules.conv.___torch_mangle_3.Conv2d` → `torch.nn.conv.Conv2d`.
std::string plainClassName(const std::string& qualifiedName);

} // namespace fxp::quant
