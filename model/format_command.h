#pragma once

#include "model/document.h"

#include <QUndoCommand>

namespace fxp::model {

/// One edit of formats. Commands of one gesture merge, so that a drag is undone at once.
class FormatCommand : public QUndoCommand {
  public:
    FormatCommand(Document& document, FormatEdit after, const QString& text, int gesture);

    void undo() override;
    void redo() override;
    int id() const override { return m_gesture > 0 ? 1 : -1; }
    bool mergeWith(const QUndoCommand* other) override;

  private:
    Document& m_document;
    FormatEdit m_before, m_after;
    int m_gesture;
};

} // namespace fxp::model
