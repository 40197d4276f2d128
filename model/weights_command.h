#pragma once

#include "model/document.h"

#include <QUndoCommand>

namespace fxp::model {

/// Other values for some of the model's parameters.
class WeightsCommand : public QUndoCommand {
  public:
    WeightsCommand(Document& document, WeightsEdit edit, const QString& text)
        : QUndoCommand(text), m_document(document), m_edit(std::move(edit)) {}

    void undo() override { m_document.applyWeights(m_edit.before); }
    void redo() override { m_document.applyWeights(m_edit.after); }

  private:
    Document& m_document;
    WeightsEdit m_edit;
};

} // namespace fxp::model
