#pragma once

#include "app/gui/message_strip.h"
#include "model/document.h"
#include "views/selection.h"

namespace fxp::gui {

/// A line of its own for what ruins a run: an output that has collapsed, with the first tensor that did, and tensors
/// that are divided by and of which values became 0, the first layer's first. It shows what the last complete run says
/// and goes when that is no longer so; once closed it stays closed until other tensors join.
class RunStrip : public MessageStrip {
    Q_OBJECT
  public:
    RunStrip(model::Document& document, views::Selection& selection, QWidget* parent = nullptr);

  private:
    void refresh();

    model::Document& m_document;
    views::Selection& m_selection;
    QStringList m_told; ///< the tensors that it has named
};

} // namespace fxp::gui
