#pragma once

#include "model/document.h"

#include <QString>

namespace fxp::views {

/// What stands beside figures of an earlier format: that newer ones are on their way, or how to get them.
QString staleText(const model::Document& document);

} // namespace fxp::views
