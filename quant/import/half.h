#pragma once

#include <c10/core/ScalarType.h>

namespace fxp::quant {

/// Whether tensors of that type are read as float32, because every model runs in float32.
inline bool isHalf(c10::ScalarType type) {
    return type == c10::ScalarType::Half || type == c10::ScalarType::BFloat16;
}

} // namespace fxp::quant
