#pragma once

#include "quant/engine/thresholds.h"

namespace fxp::model {

using quant::Grade;
using quant::gradeOfSqnr;
using quant::kBadSqnr;
using quant::kNotedOverflow;
using quant::kWeakSqnr;

} // namespace fxp::model
