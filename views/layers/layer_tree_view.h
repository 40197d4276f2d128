#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QTimer>
#include <QWidget>

class QLabel;
class QTreeView;

namespace fxp::model {
class LayerFilterModel;
class LayerTreeModel;
} // namespace fxp::model

namespace fxp::views {

class FilterEdit;
class FormatActions;

/// The layer tree with its filter. Several rows may be selected; what is edited then is all of them.
class LayerTreeView : public QWidget {
    Q_OBJECT
  public:
    LayerTreeView(model::Document& document, Selection& selection, QWidget* parent = nullptr);

    QTreeView* tree() const { return m_tree; }
    FilterEdit* filter() const { return m_filter; }
    /// The name and the filter, above the tree unless a title bar takes it.
    QWidget* heading() const { return m_heading; }

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void takeSelection();
    void showSelection();
    void unfold();
    void applyFilter(const QString& text);
    void showNone();
    void showMenu(const QPoint& at);
    void setFolded(const QModelIndex& row, bool folded);
    QModelIndex rowOf(int slot) const;

    model::Document& m_document;
    Selection& m_selection;
    model::LayerTreeModel* m_model;
    model::LayerFilterModel* m_filtered;
    QWidget* m_heading;
    FilterEdit* m_filter;
    QTreeView* m_tree;
    QLabel* m_problem; ///< what is wrong with the filter, once the typing pauses
    QLabel* m_none;    ///< in place of an empty tree
    QTimer m_pause;
    FormatActions* m_actions;
    bool m_showing = false;
};

} // namespace fxp::views
