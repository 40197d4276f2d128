#pragma once

#include "quant/calibrate/fit.h"
#include "quant/core/stop.h"
#include "quant/graph/program.h"

#include <optional>
#include <string>

namespace fxp::quant {

/// How a value is divided by: 1 / x, or 1 / sqrt(x + eps) where there is an eps.
struct Division {
    std::optional<double> eps;
};

/// How the program divides by that value: by the eps of the step that reads it, where one has it.
Division divisionBy(const Program& program, ValueId value);

/// The format `fitted` of a tensor that is divided by. Where it brings values to zero that are not zero, a finer one of
/// as many bits may cost the quotients less, although it saturates the largest values: the format whose mean squared
/// relative error of the quotient is least, from `fitted` to the first one that leaves no such value at zero; ties to
/// the coarser. A quotient by zero, where there is no eps, is the worst of all. Throws Stopped where `stop` said so.
QType keptFromZero(const TensorParts& parts, const QType& fitted, const Division& division, const std::string& where,
                   std::uint64_t seed, const StopRequest& stop = {});

} // namespace fxp::quant
