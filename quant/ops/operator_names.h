#pragma once

#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

namespace fxp::quant {

/// The name of an operator in paths, the same for every variant that a file may call: `aten::_convolution` → `conv2d`,
/// `aten::add_` → `add`, `aten::hardtanh(0, 6)` → `relu6`.
std::string operatorName(const std::string& qualifiedName, const std::vector<at::IValue>& arguments);

/// Whether the operator moves values and computes none (views, copies, padding, inactive dropout): a slot at its result
/// would hold the same values as the slot before it.
bool movesValues(const std::string& name);

/// Whether the operator's result depends only on the shape of its tensor (`zeros_like`).
bool dependsOnShapeAlone(const std::string& name);

/// Whether the operator makes a number or a shape out of tensor values, so that control flow can depend on them. An
/// index by a mask, `where` of a condition only, and repeat_interleave by a tensor of repeats count too.
bool readsValues(const std::string& name, const std::vector<at::IValue>& arguments);

} // namespace fxp::quant
