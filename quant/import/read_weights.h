#pragma once

#include "quant/engine/array.h"

#include <string>

namespace fxp::quant {

/// Tensors by name from a file of weights: .safetensors, or a state_dict of torch.save. Its content says which it is.
/// Floats of every width become float32. Throws Error naming the file.
NamedArrays readWeights(const std::string& file);

} // namespace fxp::quant
