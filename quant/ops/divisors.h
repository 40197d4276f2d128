#pragma once

#include "quant/graph/program.h"

namespace fxp::quant {

/// Marks the slots in which a zero makes a divisor zero: from every slot that the model divides by, back through roots,
/// sums and operators that only move values. `x / sqrt(mean(x²) + eps)` divides by the results of mean, sum and root.
void markDivisors(Program& program);

} // namespace fxp::quant
