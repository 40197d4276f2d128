#pragma once

#include "model/document.h"

#include <QUndoCommand>

namespace fxp::model {

/// Replaces the values of some of the model's parameters.
class WeightsCommand : public QUndoCommand {
  public:
    WeightsCommand(Document& document, ArraysPointer before, ArraysPointer after, const QString& text)
        : QUndoCommand(text), m_document(document), m_before(std::move(before)), m_after(std::move(after)) {}

    void undo() override { m_document.applyWeights(m_before); }
    void redo() override { m_document.applyWeights(m_after); }

  private:
    Document& m_document;
    ArraysPointer m_before, m_after; ///< the parameters that are not the file's, by name; null: none
};

} // namespace fxp::model
