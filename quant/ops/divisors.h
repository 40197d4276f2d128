#pragma once

#include "quant/graph/program.h"

namespace fxp::quant {

/// Marks the slots whose zero becomes a divisor's: from every slot that is divided by, back through roots, sums and
/// what moves values. `x / sqrt(mean(x²) + eps)` divides by what mean, sum and root give.
void markDivisors(Program& program);

} // namespace fxp::quant
