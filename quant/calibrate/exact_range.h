#pragma once

#include "quant/core/integer_bits.h"
#include "quant/graph/formats.h"
#include "quant/graph/program.h"

namespace fxp::quant {

/// The range of the values that a `quantize_sum` step quantizes at `site`, with the formats found so far: of the exact
/// sum, or of the accumulator's values where the accumulator has a format (`results` are the step's). Its ends are
/// float64 numbers, rounded outwards if at all, so that a format that holds the range overflows on none of these
/// values. 0 … 0 where no value is finite.
ValueRange exactRange(const Step& step, const Site& site, const at::Tensor& sum, const Tensors& results,
                      const Formats& formats);

} // namespace fxp::quant
