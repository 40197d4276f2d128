#pragma once

#include <QString>

namespace fxp::model {

/// Why something did not work, in the form shown to the user: what happened where, and what to do about it.
struct Failure {
    QString where, problem, hint;
    bool incomplete = false; ///< something that can be given is missing: `where` is the input
};

/// Describes the exception that is being handled. Only inside a catch block.
Failure currentFailure();

} // namespace fxp::model
