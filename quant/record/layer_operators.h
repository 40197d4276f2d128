#pragma once

#include "quant/ops/builder.h"

#include <ATen/core/stack.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fxp::quant {

/// Whether an operator of that name (operator_names.h) is a layer by itself, whatever module calls it: the recurrent
/// ones, scaled_dot_product_attention, and with constant weights linear, convolutions and layer_norm.
bool isLayerOperator(const std::string& name);

/// Records the operator as its layer or layers at `path`, and returns the results; absent where the arguments are not
/// those of the layer. A recurrent operator of several layers or directions becomes `path.l0`, `path.l0_reverse`,
/// `path.l1`, …. May throw, like any hypothesis that does not fit.
std::optional<std::vector<Value>> recordLayerOperator(const std::string& name, const c10::Stack& arguments,
                                                      const std::string& path,
                                                      const std::function<Value(const at::Tensor&)>& valueOf,
                                                      Builder& run);

} // namespace fxp::quant
