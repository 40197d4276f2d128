#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QWidget>

class QLineEdit;
class QTreeView;

namespace fxp::model {
class LayerFilterModel;
class LayerTreeModel;
} // namespace fxp::model

namespace fxp::views {

/// The layer tree with its filter. Several rows may be selected; what is edited then is all of them.
class LayerTreeView : public QWidget {
    Q_OBJECT
  public:
    LayerTreeView(model::Document& document, Selection& selection, QWidget* parent = nullptr);

    QTreeView* tree() const { return m_tree; }
    QLineEdit* filter() const { return m_filter; }
    /// The name and the filter, above the tree unless a title bar takes it.
    QWidget* heading() const { return m_heading; }

  private:
    void takeSelection();
    void showSelection();
    void unfold();
    QModelIndex rowOf(int slot) const;

    model::Document& m_document;
    Selection& m_selection;
    model::LayerTreeModel* m_model;
    model::LayerFilterModel* m_filtered;
    QWidget* m_heading;
    QLineEdit* m_filter;
    QTreeView* m_tree;
    bool m_showing = false;
};

} // namespace fxp::views
