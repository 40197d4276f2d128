#pragma once

#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

namespace fxp::quant {

/// The name that an operator goes by in paths, whatever variant of it a file calls: `aten::_convolution` → `conv2d`,
/// `aten::add_` → `add`, `aten::hardtanh(0, 6)` → `relu6`.
std::string operatorName(const std::string& qualifiedName, const std::vector<at::IValue>& arguments);

/// Operators that move values and compute none (views, copies, padding, inactive dropout): a slot there would hold what
/// the slot before holds.
bool movesValues(const std::string& name);

/// Operators whose result depends on the shape of their tensor alone (`zeros_like`).
bool dependsOnShapeAlone(const std::string& name);

/// Whether the operator turns tensor values into a number or into a shape, so that control flow can depend on them: an
/// index by a mask, `where` of a condition alone and repeat_interleave by a tensor too.
bool readsValues(const std::string& name, const std::vector<at::IValue>& arguments);

} // namespace fxp::quant
