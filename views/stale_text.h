#pragma once

#include "model/document.h"

#include <QString>

namespace fxp::views {

/// What stands beside figures of an earlier format: that newer ones are on their way, or how to get them. Where the
/// figures are those of `slot`, it may be that they are of some samples alone.
QString staleText(const model::Document& document, int slot = -1);

/// "of the first 64 of 1,797 samples" while the slot's figures are of no more; else empty.
QString samplesSoFar(const model::Document& document, int slot);

} // namespace fxp::views
