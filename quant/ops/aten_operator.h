#pragma once

#include "quant/ops/registry.h"

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/ivalue.h>

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
    /// The positions of the arguments that it writes to.
    std::vector<std::size_t> written;
};

/// The operator of that schema name, `aten::add.Tensor`; null where this LibTorch has none.
const AtenOperator* findAten(const std::string& name);

/// The registry's operator for that name, evaluated so that no result depends on the CPU, on the number of threads, or
/// on which other samples are in the tensors. It never writes to its inputs: the results of an in-place operator are
/// what it would have written.
Operator atenStep(const std::string& name);

/// Visits every tensor in a value, through lists, tuples and optionals, in order; undefined ones too.
void forEachTensor(const at::IValue& value, const std::function<void(const at::Tensor&)>& visit);

/// Converts an argument on a stack into data: each tensor in it becomes the next hole and is added to `tensors`; an
/// undefined one becomes None. Throws Error naming `where` for a value that is not data (a generator, an object).
Argument toArgument(const at::IValue& value, Tensors& tensors, const std::string& where);

} // namespace fxp::quant
