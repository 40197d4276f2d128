#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QLineEdit>

class QStringListModel;

namespace fxp::gui {

/// Goes to any tensor, or runs any action, by a part of its name.
class QuickFind : public QLineEdit {
    Q_OBJECT
  public:
    QuickFind(model::Document& document, views::Selection& selection, QWidget* parent = nullptr);

    void setActions(const QList<QAction*>& actions);

  private:
    void refill();
    void take(const QString& text);

    model::Document& m_document;
    views::Selection& m_selection;
    QStringListModel* m_names;
    QList<QAction*> m_actions;
};

} // namespace fxp::gui
