#include "model/layer_filter_model.h"

#include "model/layer_tree_model.h"

#include <QRegularExpression>

#include <cmath>

namespace fxp::model {

LayerFilterModel::LayerFilterModel(QObject* parent) : QSortFilterProxyModel(parent) {
    setRecursiveFilteringEnabled(true);
    setDynamicSortFilter(true);
}

void LayerFilterModel::setFilterText(const QString& text) {
    static const QRegularExpression kComparison(
        R"(^\s*(overflow|sqnr|vs float|bits)\s*([<>])\s*(-?[\d.]+)\s*(%|dB|bits?)?\s*$)",
        QRegularExpression::CaseInsensitiveOption);
    m_conditions.clear();
    for (const QString& part : text.split(',', Qt::SkipEmptyParts)) {
        Condition condition;
        const auto match = kComparison.match(part);
        if (match.hasMatch()) {
            const QString name = match.captured(1).toLower();
            condition.column = name == "overflow" ? LayerTreeModel::Overflow
                               : name == "sqnr"   ? LayerTreeModel::Sqnr
                               : name == "bits"   ? LayerTreeModel::Format
                                                  : LayerTreeModel::Accumulated;
            condition.above = match.captured(2) == ">";
            condition.limit = match.captured(3).toDouble() / (name == "overflow" ? 100 : 1);
        } else {
            condition.words = part.trimmed();
        }
        m_conditions.push_back(condition);
    }
    invalidateFilter();
}

bool LayerFilterModel::accepts(const Condition& condition, int row, const QModelIndex& parent) const {
    const auto at = [&](int column) { return sourceModel()->index(row, column, parent); };
    if (condition.column < 0) {
        // A word matches any part of a tensor's path, and the type of the layer that the tensor belongs to.
        const QString haystack = at(0).data(LayerTreeModel::PathRole).toString() + " " +
                                 at(0).data(LayerTreeModel::TypeRole).toString() + " " +
                                 parent.data(LayerTreeModel::TypeRole).toString();
        return haystack.contains(condition.words, Qt::CaseInsensitive);
    }
    const double value = at(condition.column).data(LayerTreeModel::ValueRole).toDouble();
    return condition.above ? value > condition.limit : value < condition.limit; // false for NaN
}

bool LayerFilterModel::filterAcceptsRow(int row, const QModelIndex& parent) const {
    if (m_conditions.empty())
        return true;
    // A branch is shown when a tensor in it is.
    if (sourceModel()->index(row, 0, parent).data(LayerTreeModel::SlotRole).toInt() < 0)
        return false;
    for (const Condition& condition : m_conditions) {
        if (!accepts(condition, row, parent))
            return false;
    }
    return true;
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
