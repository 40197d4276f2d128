#include "views/layers/layer_tree_view.h"

#include "model/layer_filter_model.h"
#include "model/layer_tree_model.h"
#include "views/copy_rows.h"
#include "views/format_actions.h"
#include "views/layers/figure_delegate.h"
#include "views/layers/filter_edit.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QLabel>
#include <QMenu>
#include <QResizeEvent>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>
#include <unordered_set>

namespace fxp::views {

using model::LayerTreeModel;

LayerTreeView::LayerTreeView(model::Document& document, Selection& selection, QWidget* parent)
    : QWidget(parent), m_document(document), m_selection(selection), m_model(new LayerTreeModel(document, this)),
      m_filtered(new model::LayerFilterModel(this)), m_heading(new QWidget), m_filter(new FilterEdit),
      m_tree(new QTreeView), m_problem(new QLabel), m_none(new QLabel(m_tree->viewport())),
      m_actions(new FormatActions(document, selection, this)) {
    auto* heading = new QLabel(tr("Layers"));
    heading->setObjectName("heading");
    m_filter->setPlaceholderText(tr("Filter: name, type, overflow > 1 % or SQNR < 30 dB"));
    m_problem->setObjectName("wrong");
    m_problem->setContentsMargins(12, 0, 12, 4);
    m_problem->setWordWrap(true);
    m_problem->setAccessibleName(tr("What is wrong with the filter"));
    m_problem->hide();
    m_none->setObjectName("muted");
    m_none->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_none->setWordWrap(true);
    m_none->setMargin(24);
    m_none->setText(tr("No tensor matches.<br><a href='clear'>Clear the filter</a> (Esc in its field)"));
    m_none->setAccessibleName(tr("No tensor matches"));
    m_none->setTextInteractionFlags(Qt::TextBrowserInteraction);
    m_none->hide();
    m_tree->viewport()->installEventFilter(this);
    connect(m_none, &QLabel::linkActivated, this, [this] {
        m_filter->clear();
        m_filter->setFocus();
    });
    constexpr int kPauseMs = 700; // half a condition is no mistake yet
    m_pause.setSingleShot(true);
    m_pause.setInterval(kPauseMs);
    connect(&m_pause, &QTimer::timeout, this, [this] {
        m_problem->setText(m_filter->accessibleDescription());
        m_problem->setVisible(!m_problem->text().isEmpty());
    });
    auto* top = new QHBoxLayout(m_heading);
    top->setContentsMargins(12, 8, 4, 4);
    top->setSpacing(12);
    top->addWidget(heading);
    top->addWidget(m_filter, 1);

    m_filtered->setSourceModel(m_model);
    m_tree->setModel(m_filtered);
    m_tree->setItemDelegate(new FigureDelegate(m_tree));
    m_tree->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_tree->setUniformRowHeights(true);
    m_tree->setAllColumnsShowFocus(true);
    m_tree->setSortingEnabled(true);
    m_tree->sortByColumn(LayerTreeModel::Tensor, Qt::AscendingOrder);
    m_tree->setIndentation(14);
    m_tree->setAccessibleName(tr("Layers and tensors"));
    m_tree->setContextMenuPolicy(Qt::CustomContextMenu);
    connect(m_tree, &QWidget::customContextMenuRequested, this, &LayerTreeView::showMenu);
    m_actions->addKeysTo(m_tree);
    QHeaderView* header = m_tree->header();
    header->setStretchLastSection(false);
    header->setSectionResizeMode(LayerTreeModel::Tensor, QHeaderView::Stretch);
    const QFontMetrics metrics = fontMetrics();
    const std::pair<int, QString> widths[] = {{LayerTreeModel::Format, "s-1.16  16 00"},
                                              {LayerTreeModel::Overflow, "Overflow"},
                                              {LayerTreeModel::Sqnr, "SQNR 0"},
                                              {LayerTreeModel::Accumulated, "vs float"}};
    for (const auto& [column, sample] : widths)
        m_tree->setColumnWidth(column, metrics.horizontalAdvance(sample) + 16);

    setMinimumWidth(metrics.horizontalAdvance(QString(56, 'n')));

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_heading);
    layout->addWidget(m_problem);
    layout->addWidget(m_tree, 1);
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);

    connect(m_filter, &QLineEdit::textChanged, this, &LayerTreeView::applyFilter);
    for (const auto signal : {&QAbstractItemModel::rowsInserted, &QAbstractItemModel::rowsRemoved})
        connect(m_filtered, signal, this, &LayerTreeView::showNone);
    connect(m_filtered, &QAbstractItemModel::modelReset, this, &LayerTreeView::showNone);
    connect(m_model, &QAbstractItemModel::modelReset, this, &LayerTreeView::unfold);
    connect(m_tree->selectionModel(), &QItemSelectionModel::selectionChanged, this, &LayerTreeView::takeSelection);
    connect(m_tree->selectionModel(), &QItemSelectionModel::currentChanged, this, &LayerTreeView::takeSelection);
    connect(&selection, &Selection::changed, this, &LayerTreeView::showSelection);
}

void LayerTreeView::applyFilter(const QString& text) {
    m_filtered->setFilterText(text);
    m_filter->setProblems(m_filtered->filter().problems());
    m_problem->setVisible(m_problem->isVisible() && !m_filter->problems().isEmpty());
    m_pause.start();
    if (text.isEmpty())
        unfold(); // rows that were filtered out come back folded
    else
        m_tree->expandAll();
    showSelection();
    showNone();
}

void LayerTreeView::showNone() {
    m_none->setVisible(m_filtered->rowCount() == 0 && m_model->rowCount() > 0);
}

void LayerTreeView::setFolded(const QModelIndex& row, bool folded) {
    std::vector<QModelIndex> open{row};
    while (!open.empty()) {
        const QModelIndex at = open.back();
        open.pop_back();
        m_tree->setExpanded(at, !folded);
        for (int child = 0; child < m_filtered->rowCount(at); ++child)
            open.push_back(m_filtered->index(child, 0, at));
    }
}

void LayerTreeView::showMenu(const QPoint& at) {
    // By key it is the current row's, which may be out of sight.
    const QModelIndex row = m_tree->currentIndex().siblingAtColumn(0);
    if (!row.isValid())
        return;
    QMenu* menu = contextMenu(m_tree);
    m_actions->addTo(*menu);
    menu->addSeparator();
    menu->addAction(tr("Copy &rows as text"), this, [this] { copyRows(*m_tree); })
        ->setToolTip(tr("The selected rows, cells apart by tabs"));
    const bool branch = m_filtered->hasChildren(row);
    for (const bool folded : {false, true}) {
        QAction* fold = menu->addAction(folded ? tr("C&ollapse all below") : tr("&Expand all below"), this,
                                        [this, row = QPersistentModelIndex(row), folded] { setFolded(row, folded); });
        fold->setToolTip(folded ? tr("Fold this row and all rows in it") : tr("Unfold this row and all rows in it"));
        fold->setEnabled(branch);
    }
    const QPoint inside(std::clamp(at.x(), 0, m_tree->viewport()->width()),
                        std::clamp(at.y(), 0, m_tree->viewport()->height()));
    menu->popup(m_tree->viewport()->mapToGlobal(inside));
}

bool LayerTreeView::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_tree->viewport() && event->type() == QEvent::Resize) {
        m_none->setGeometry(m_tree->viewport()->rect());
        // What was seen of the current row stays seen in a smaller tree.
        const QSize before = static_cast<QResizeEvent*>(event)->oldSize();
        const QRect row = m_tree->visualRect(m_tree->currentIndex());
        if (row.isValid() && row.top() >= 0 && row.bottom() < before.height() &&
            row.bottom() >= m_tree->viewport()->height())
            QTimer::singleShot(0, m_tree, [this] { m_tree->scrollTo(m_tree->currentIndex()); });
    }
    return QWidget::eventFilter(watched, event);
}

void LayerTreeView::unfold() {
    // All but the parts of attention and norms: what an overview needs.
    m_tree->expandToDepth(m_document.slotCount() > 60 ? 1 : 3);
    showSelection();
}

QModelIndex LayerTreeView::rowOf(int slot) const {
    return m_filtered->mapFromSource(m_model->indexOf(slot));
}

void LayerTreeView::takeSelection() {
    if (m_showing)
        return;
    std::vector<int> selected;
    std::unordered_set<int> known; // a tensor and the branch above it may both be selected
    int current = m_tree->currentIndex().siblingAtColumn(0).data(LayerTreeModel::SlotRole).toInt();
    for (const QModelIndex& row : m_tree->selectionModel()->selectedRows()) {
        // A branch stands for the tensors below it.
        std::vector<QModelIndex> open{row};
        while (!open.empty()) {
            const QModelIndex at = open.back();
            open.pop_back();
            const int slot = at.data(LayerTreeModel::SlotRole).toInt();
            if (slot >= 0 && known.insert(slot).second)
                selected.push_back(slot);
            for (int child = m_filtered->rowCount(at); child-- > 0;)
                open.push_back(m_filtered->index(child, 0, at));
        }
    }
    if (selected.empty())
        return;
    if (!m_tree->currentIndex().isValid() || !known.contains(current))
        current = selected.front();
    m_showing = true;
    m_selection.set(std::move(selected), current);
    m_showing = false;
}

void LayerTreeView::showSelection() {
    if (m_showing)
        return;
    m_showing = true;
    // Neighbouring rows are one range: a selection of as many ranges as tensors takes quadratic time.
    std::vector<QModelIndex> found;
    for (const int slot : m_selection.slotList()) {
        if (const QModelIndex row = rowOf(slot); row.isValid())
            found.push_back(row);
    }
    std::ranges::sort(found, {},
                      [](const QModelIndex& row) { return std::pair(row.parent().internalId(), row.row()); });
    QItemSelection rows;
    for (std::size_t first = 0, last = 0; first < found.size(); first = ++last) {
        while (last + 1 < found.size() && found[last + 1].parent() == found[first].parent() &&
               found[last + 1].row() == found[last].row() + 1)
            ++last;
        rows.append(QItemSelectionRange(found[first], found[last]));
    }
    m_tree->selectionModel()->select(rows, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    const QModelIndex current = rowOf(m_selection.current());
    if (current.isValid()) {
        m_tree->selectionModel()->setCurrentIndex(current, QItemSelectionModel::NoUpdate);
        m_tree->scrollTo(current);
    }
    m_showing = false;
}

} // namespace fxp::views
