#pragma once

#include <QString>

namespace fxp::model {

/// The text in one line, without characters that change how others are shown: a file's own texts may hold all of these.
QString oneLine(const QString& text);

} // namespace fxp::model
