#pragma once

#include <QString>

namespace fxp::model {

/// Why something did not work, as it is shown: what happened where, and what to do about it.
struct Failure {
    QString where, problem, hint;
    bool incomplete = false; ///< something that can be given is missing: `where` is the input
};

/// The failure that the exception being handled tells of. Only inside a catch block.
Failure currentFailure();

} // namespace fxp::model
