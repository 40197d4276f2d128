#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QObject>

class QAction;
class QMenu;
class QWidget;

namespace fxp::views {

/// What context menus do with the selected tensors' formats: copy and paste them, copy them as code, calibrate them,
/// make them float. Every edit is one undo step for all selected tensors.
class FormatActions : public QObject {
    Q_OBJECT
  public:
    FormatActions(model::Document& document, Selection& selection, QObject* parent);

    /// Ctrl+C and Ctrl+V in the widget copy and paste the format.
    void addKeysTo(QWidget* widget);
    /// Adds the entries, as they are for what is selected now.
    void addTo(QMenu& menu);

    void copy();
    void paste();

  private:
    std::vector<int> selected() const;
    QAction* addText(QMenu& menu, const QString& text, const QString& tip, const QString& copied);

    model::Document& m_document;
    Selection& m_selection;
    QAction *m_copy, *m_paste;
};

/// A menu that lives until it closes, over the widget.
QMenu* contextMenu(QWidget* parent);

} // namespace fxp::views
