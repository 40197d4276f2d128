#pragma once

#include "quant/engine/array.h"
#include "quant/graph/module_info.h"
#include "quant/graph/program.h"

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// A model's arguments, in the model's order; an absent one takes its default value.
using ModelArguments = std::vector<std::optional<at::IValue>>;

/// The samples as the model's arguments, by name; a single unnamed array goes to a single input. Throws Error naming
/// what does not fit.
ModelArguments bindArguments(const std::vector<ArgumentInfo>& wanted, const NamedArrays& given);

/// The number of samples, which lie along dimension 0 of every tensor; 0 when the tensors disagree.
std::int64_t sampleCountOf(const ModelArguments& arguments);

/// Samples `begin` up to `end` of every tensor.
ModelArguments slice(const ModelArguments& arguments, std::int64_t begin, std::int64_t end);

/// The tensors among them.
Tensors tensorsOf(const ModelArguments& arguments);

/// The first value that is not finite, for people: which input, sample and element; empty where all are finite.
std::string firstNotFinite(const ModelArguments& arguments, const std::vector<ArgumentInfo>& names);

bool allFinite(const ModelArguments& arguments);
/// The arguments with zeros in the place of values that are not finite.
ModelArguments finiteOnly(const ModelArguments& arguments);

} // namespace fxp::quant
