#pragma once

#include "quant/core/integer_bits.h"
#include "quant/graph/formats.h"
#include "quant/graph/program.h"

namespace fxp::quant {

/// The range of what a `quantize_sum` step brings into the format of `site`, with the formats found so far: of the
/// exact sum, or of what a given accumulator made of it (`results` are the step's). Its ends lie in float64 and never
/// inside the range, so that a format that holds it overflows on none of these values. 0 … 0 where none is finite.
ValueRange exactRange(const Step& step, const Site& site, const at::Tensor& sum, const Tensors& results,
                      const Formats& formats);

} // namespace fxp::quant
