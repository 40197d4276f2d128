#pragma once

#include "quant/ops/registry.h"

#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace c10 {
struct FunctionSchema;
}

namespace fxp::quant {

/// An operator of LibTorch, run on a stack of IValues as its dispatcher takes them.
struct AtenOperator {
    const c10::FunctionSchema* schema = nullptr;
    std::function<void(c10::Stack&)> run;
    /// The arguments that it writes to, by place.
    std::vector<std::size_t> written;
};

/// The operator of that schema name, `aten::add.Tensor`; null where this LibTorch has none.
const AtenOperator* findAten(const std::string& name);

/// Its step in the registry: evaluated so that no result depends on the CPU, on the number of threads, or on which
/// samples stand beside each other. It never writes to its inputs: of an in-place operator the results are what it
/// would have written.
Operator atenStep(const std::string& name);

/// Visits every tensor in a value, through lists, tuples and optionals, in order; undefined ones too.
void forEachTensor(const at::IValue& value, const std::function<void(const at::Tensor&)>& visit);

/// An argument on a stack as data: each tensor in it becomes the next hole, and is added to `tensors`; an undefined one
/// is None. Throws Error naming `where` for what is no data (a generator, an object).
Argument toArgument(const at::IValue& value, Tensors& tensors, const std::string& where);

} // namespace fxp::quant
