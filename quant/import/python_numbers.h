#pragma once

#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// What a function of Python computes on numbers, as an exported graph calls it for sizes: `_operator.mul`,
/// `math.trunc`, `torch.sym_max`, …. Absent where there is none of that name for such arguments. Throws Error at the
/// name: a division by zero, or an integer beyond int64.
std::optional<at::IValue> pythonNumber(const std::string& name, const std::vector<at::IValue>& arguments);

} // namespace fxp::quant
