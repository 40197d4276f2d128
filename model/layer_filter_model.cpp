#include "model/layer_filter_model.h"

#include "model/layer_tree_model.h"

#include <cmath>

namespace fxp::model {

LayerFilterModel::LayerFilterModel(QObject* parent) : QSortFilterProxyModel(parent) {
    setRecursiveFilteringEnabled(true);
    setDynamicSortFilter(true);
}

void LayerFilterModel::setFilterText(const QString& text) {
    m_filter = LayerFilter::parse(text);
    invalidateFilter();
}

bool LayerFilterModel::filterAcceptsRow(int row, const QModelIndex& parent) const {
    if (m_filter.isEmpty())
        return true;
    const auto at = [&](int column) { return sourceModel()->index(row, column, parent); };
    const QModelIndex name = at(LayerTreeModel::Tensor);
    // A branch is shown when a tensor in it is.
    if (name.data(LayerTreeModel::SlotRole).toInt() < 0)
        return false;
    const auto value = [&](int column) { return at(column).data(LayerTreeModel::ValueRole).toDouble(); };
    FilteredTensor tensor;
    tensor.path = name.data(LayerTreeModel::PathRole).toString();
    tensor.type = parent.data(LayerTreeModel::TypeRole).toString();
    tensor.format = at(LayerTreeModel::Format).data(LayerTreeModel::NotationRole).toString();
    tensor.bits = value(LayerTreeModel::Format);
    tensor.overflow = value(LayerTreeModel::Overflow);
    tensor.sqnr = value(LayerTreeModel::Sqnr);
    tensor.versusFloat = value(LayerTreeModel::Accumulated);
    tensor.zero = name.data(LayerTreeModel::ZeroRole).toDouble();
    return m_filter.accepts(tensor);
}

bool LayerFilterModel::lessThan(const QModelIndex& left, const QModelIndex& right) const {
    if (left.column() == LayerTreeModel::Tensor)
        return left.row() < right.row(); // the network's order
    const double a = left.data(LayerTreeModel::ValueRole).toDouble();
    const double b = right.data(LayerTreeModel::ValueRole).toDouble();
    if (std::isnan(a) || std::isnan(b)) // rows without a figure come last in either order
        return std::isnan(a) != std::isnan(b) && std::isnan(b) == (sortOrder() == Qt::AscendingOrder);
    return a < b;
}

} // namespace fxp::model
