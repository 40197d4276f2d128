#pragma once

#include <QString>

namespace fxp::model {

/// Why something did not work, as it is shown: what happened where, and what to do about it.
struct Failure {
    QString where, problem, hint;
};

/// The failure that the exception being handled tells of. Only inside a catch block.
Failure currentFailure();

} // namespace fxp::model
