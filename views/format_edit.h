#pragma once

#include "model/document.h"

#include <functional>
#include <vector>

namespace fxp::views {

/// Changes the formats of the slots that there are, as one undo step. A change that makes no legal format is refused by
/// message (the document's `failed`) with nothing changed: an event handler must not throw. Returns whether it was
/// made.
bool editFormats(model::Document& document, const std::vector<int>& slotList, const QString& text,
                 const std::function<void(quant::QType&)>& change, int gesture = 0);

} // namespace fxp::views
