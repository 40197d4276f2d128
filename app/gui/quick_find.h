#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QLineEdit>
#include <QPointer>

#include <functional>

class QLabel;
class QStringListModel;

namespace fxp::gui {

/// Goes to any tensor, or runs any action, by a part of its name. Esc closes the list of hits, then empties the field.
class QuickFind : public QLineEdit {
    Q_OBJECT
  public:
    QuickFind(model::Document& document, views::Selection& selection, QWidget* parent = nullptr);

    void setActions(const QList<QAction*>& actions);

  protected:
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

  private:
    /// The list of hits as wide as they are, or that there are none.
    void showHits();
    void refill();
    /// The tensor or action of that name; else the first with that part in its name.
    void take(const QString& text);
    bool go(const std::function<bool(const QString&)>& meant);

    model::Document& m_document;
    views::Selection& m_selection;
    QStringListModel* m_names;
    QPointer<QLabel> m_none; ///< a child of the window once it was shown
    QList<QAction*> m_actions;
};

} // namespace fxp::gui
