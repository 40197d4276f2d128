#include "views/copy_rows.h"

#include <QAbstractItemView>
#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QTableView>
#include <QTreeView>

#include <algorithm>
#include <ranges>

namespace fxp::views {

namespace {

/// The row's place in the tree, from its root on.
std::vector<int> placeOf(QModelIndex index) {
    std::vector<int> place;
    for (; index.isValid(); index = index.parent())
        place.insert(place.begin(), index.row());
    return place;
}

const QHeaderView* headOf(const QAbstractItemView& view) {
    if (const auto* table = qobject_cast<const QTableView*>(&view))
        return table->horizontalHeader();
    const auto* tree = qobject_cast<const QTreeView*>(&view);
    return tree ? tree->header() : nullptr;
}

} // namespace

void copyRows(const QAbstractItemView& view) {
    QModelIndexList rows;
    for (const QModelIndex& index : view.selectionModel()->selectedIndexes()) {
        if (const QModelIndex first = index.siblingAtColumn(0); !rows.contains(first))
            rows << first;
    }
    std::ranges::sort(rows, {}, placeOf);
    const QHeaderView* head = headOf(view);
    QStringList lines;
    for (const QModelIndex& row : rows) {
        QStringList cells;
        for (int at = 0; at < view.model()->columnCount(row.parent()); ++at) {
            const int column = head ? head->logicalIndex(at) : at;
            if (!head || !head->isSectionHidden(column))
                cells << row.siblingAtColumn(column).data().toString();
        }
        lines << cells.join('\t');
    }
    if (!lines.isEmpty())
        QGuiApplication::clipboard()->setText(lines.join('\n'));
}

void copyRowsByKey(QAbstractItemView* view) {
    auto* copy = new QAction(QAbstractItemView::tr("Copy rows"), view);
    copy->setToolTip(QAbstractItemView::tr("Copy the selected rows as text"));
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    QObject::connect(copy, &QAction::triggered, view, [view] { copyRows(*view); });
    view->addAction(copy);
}

} // namespace fxp::views
