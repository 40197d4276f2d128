#pragma once

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <utility>
#include <vector>

namespace fxp::quant {

/// The stack for an operator of this LibTorch from arguments by the names of a newer one's: what is not given takes its
/// default; a number becomes what the schema has there, half precision float32. Throws Error at the operator: an
/// argument is missing, of another kind, or one that this LibTorch does not know and that says something.
c10::Stack stackFor(const c10::FunctionSchema& schema, const std::vector<std::pair<std::string, at::IValue>>& given);

} // namespace fxp::quant
