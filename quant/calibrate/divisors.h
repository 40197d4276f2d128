#pragma once

#include "quant/calibrate/fit.h"
#include "quant/core/stop.h"
#include "quant/graph/program.h"

#include <optional>
#include <string>

namespace fxp::quant {

/// How the program divides by a value: 1 / x, or 1 / sqrt(x + eps) where there is an eps.
struct Division {
    std::optional<double> eps;
};

/// The division by that value: with the eps of the step that reads it, where the step has one.
Division divisionBy(const Program& program, ValueId value);

/// A format for a tensor that the program divides by, from the format `fitted`. Where `fitted` brings values to zero
/// that are not zero, a finer format of as many bits may cause less error in the quotients, although it saturates the
/// largest values: of the formats from `fitted` to the first one that brings no value to zero, the one whose mean
/// squared relative error of the quotient is least; ties to the coarser. A quotient by zero, where there is no eps,
/// counts as the worst. Throws Stopped where `stop` said so.
QType keptFromZero(const TensorParts& parts, const QType& fitted, const Division& division, const std::string& where,
                   std::uint64_t seed, const StopRequest& stop = {});

} // namespace fxp::quant
