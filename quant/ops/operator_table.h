#pragma once

#include "quant/ops/registry.h"

#include <functional>
#include <map>
#include <string>

namespace fxp::quant {

/// Operators by name.
using OperatorTable = std::map<std::string, Operator>;

/// The tensor that fills that argument: by the argument's place, or by its name. Undefined where the argument is None
/// or not there.
at::Tensor tensorAt(const StepContext& context, std::size_t place);
at::Tensor tensorOf(const StepContext& context, const std::string& name);

/// An operator of one result that takes no formats.
Operator plainOperator(std::function<at::Tensor(const StepContext&)> function);

} // namespace fxp::quant
