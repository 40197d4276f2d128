#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <string>

namespace fxp::quant {

/// The line of the model's own source that a node comes from, `model.py:12`, as far as the file has it.
std::string sourceOf(const torch::jit::Node& node);

} // namespace fxp::quant
