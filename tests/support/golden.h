#pragma once

#include "quant/core/qtype.h"

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace fxp::test {

using Json = nlohmann::ordered_json;

/// The folder of golden numbers: tests/data/golden, or what FXP_GOLDEN names.
std::string goldenFolder();
/// The folder of model files: tests/data/models, or what FXP_MODELS names.
std::string modelFolder();

Json readJson(const std::string& file);
/// A list of IEEE-754 bits as floats.
std::vector<float> floatsFromBits(const Json& bits);
/// `{"shape": …, "float32_bits": …}` as a tensor.
at::Tensor tensorFromBits(const Json& json);
/// A nested list as a tensor of that shape; "Infinity" and the like are read.
at::Tensor tensorFromNested(const Json& value, const std::vector<std::int64_t>& shape);
/// Equal to the bit, NaN with NaN.
bool sameBits(const at::Tensor& a, const at::Tensor& b);

} // namespace fxp::test
