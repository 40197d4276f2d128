#pragma once

#include "model/layer_filter.h"

#include <QSortFilterProxyModel>

namespace fxp::model {

/// Filters the layer tree by a text (the language is LayerFilter's), and sorts it.
class LayerFilterModel : public QSortFilterProxyModel {
    Q_OBJECT
  public:
    explicit LayerFilterModel(QObject* parent = nullptr);

    void setFilterText(const QString& text);
    const LayerFilter& filter() const { return m_filter; }

  protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

  private:
    LayerFilter m_filter;
};

} // namespace fxp::model
