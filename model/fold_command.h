#pragma once

#include "model/document.h"

#include <QUndoCommand>

namespace fxp::model {

/// Folds batch norms into the layers before them, or unfolds them: other slots, and formats for them.
class FoldCommand : public QUndoCommand {
  public:
    struct State {
        OpenedModelPointer model;
        quant::Formats formats;
    };

    FoldCommand(Document& document, State before, State after, const QString& text)
        : QUndoCommand(text), m_document(document), m_before(std::move(before)), m_after(std::move(after)) {}

    void undo() override { m_document.applyFold(m_before.model, m_before.formats); }
    void redo() override { m_document.applyFold(m_after.model, m_after.formats); }

  private:
    Document& m_document;
    State m_before, m_after;
};

} // namespace fxp::model
