#pragma once

#include "model/document.h"

#include <QString>

class QWidget;

namespace fxp::gui {

/// Asks what of the open model's integers to write, writes it as a job of the document, and shows what was written.
/// `folder`: where to begin.
void exportMemory(model::Document& document, const QString& folder, QWidget* parent);

} // namespace fxp::gui
