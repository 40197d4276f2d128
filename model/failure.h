#pragma once

#include <QString>

namespace fxp::model {

/// Why something did not work, in the form shown to the user: what happened where, and what to do about it.
struct Failure {
    QString where, problem, hint;
    bool incomplete = false; ///< something that can be given is missing: `where` is the input
};

/// The text in one line, without characters that change how others are shown: a file's own texts may hold all of these.
QString oneLine(const QString& text);

/// Describes the exception that is being handled, each part in one line. Only inside a catch block.
Failure currentFailure();

} // namespace fxp::model
