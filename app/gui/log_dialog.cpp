#include "app/gui/log_dialog.h"

#include "views/copy_rows.h"
#include "views/power_text.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QFileInfo>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace fxp::gui {

namespace {

using Kind = quant::LogDifference::Kind;

constexpr int kSortRole = Qt::UserRole, kDiffersRole = Qt::UserRole + 1;

QString text(const quant::LogDifference& difference) {
    switch (difference.kind) {
    case Kind::Equal: return LogDialog::tr("equal");
    case Kind::Values:
        return LogDialog::tr("%1 of %2 differ, first at %3")
            .arg(QLocale().toString(qlonglong(difference.different)), QLocale().toString(qlonglong(difference.count)),
                 QString::fromStdString(difference.firstAt));
    case Kind::Shape: return LogDialog::tr("another shape");
    case Kind::Presence: return LogDialog::tr("absent in one of them");
    case Kind::NotStored: return LogDialog::tr("values not stored");
    case Kind::OnlyInLog: return LogDialog::tr("only in the log");
    case Kind::OnlyInRun: return LogDialog::tr("only in the run");
    }
    return {};
}

bool differs(const quant::LogDifference& difference) {
    return difference.kind != Kind::Equal && difference.kind != Kind::NotStored;
}

/// How much is wrong, greater is worse: tensors that cannot be compared come before those with most other values.
double badness(const quant::LogDifference& difference) {
    if (difference.kind == Kind::Values)
        return static_cast<double>(difference.different) /
               static_cast<double>(std::max<std::int64_t>(1, difference.count));
    return differs(difference) ? 2 : difference.kind == Kind::NotStored ? -1 : 0;
}

/// A cell that sorts by a number where it has one.
class Cell : public QTableWidgetItem {
  public:
    explicit Cell(const QString& text) : QTableWidgetItem(text) {}
    Cell(const QString& text, double value) : QTableWidgetItem(text) { setData(kSortRole, value); }

    bool operator<(const QTableWidgetItem& other) const override {
        const QVariant own = data(kSortRole), its = other.data(kSortRole);
        return own.isValid() && its.isValid() ? own.toDouble() < its.toDouble() : text() < other.text();
    }
};

QString summary(const std::vector<quant::LogDifference>& differences) {
    const auto count = [&](auto is) { return std::ranges::count_if(differences, is); };
    const auto kind = [](Kind wanted) { return [wanted](const auto& one) { return one.kind == wanted; }; };
    const auto unstored = count(kind(Kind::NotStored));
    const auto compared = count(kind(Kind::Equal)) + count(kind(Kind::Values));
    if (unstored > 0 && compared == 0)
        return LogDialog::tr("The log has no values, so nothing but names and shapes could be compared: write it with "
                             "its tensors' values to compare those.");
    QString text = LogDialog::tr("%1 of %2 tensors are equal to the last bit.")
                       .arg(count(kind(Kind::Equal)))
                       .arg(differences.size());
    if (unstored > 0)
        text += LogDialog::tr(" Of %1 the log has no values.").arg(unstored);
    return text;
}

} // namespace

LogDialog::LogDialog(const QString& file, const std::vector<quant::LogDifference>& differences,
                     const std::function<bool(const QString&)>& has, QWidget* parent)
    : QDialog(parent), m_has(has), m_table(new QTableWidget(static_cast<int>(differences.size()), 3)),
      m_onlyDifferences(new QCheckBox(tr("Only &differences"))) {
    setWindowTitle(tr("Run against %1").arg(QFileInfo(file).fileName()));
    resize(760, 520);
    fill(differences);
    const auto differing = std::ranges::count_if(differences, differs);
    m_onlyDifferences->setEnabled(differing > 0);
    m_onlyDifferences->setChecked(differing > 0);
    connect(m_onlyDifferences, &QCheckBox::toggled, this, &LogDialog::hideEqual);
    hideEqual();
    auto* said = new QLabel(summary(differences));
    said->setWordWrap(true);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    QPushButton* show = buttons->addButton(tr("&Show tensor"), QDialogButtonBox::ActionRole);
    for (QAbstractButton* button : buttons->buttons())
        static_cast<QPushButton*>(button)->setAutoDefault(false); // Return is the table's
    show->setToolTip(tr("Select this tensor in the window (Enter)"));
    buttons->button(QDialogButtonBox::Close)->setToolTip(tr("Close the comparison (Esc)"));
    m_onlyDifferences->setToolTip(tr("Hide tensors that are equal, and those of which the log has no values"));
    show->setEnabled(false);
    connect(show, &QPushButton::clicked, this, [this] { choose(m_table->currentRow()); });
    connect(m_table, &QTableWidget::itemActivated, this, [this](QTableWidgetItem* item) { choose(item->row()); });
    connect(m_table, &QTableWidget::currentCellChanged, this,
            [this, show](int row) { show->setEnabled(row >= 0 && m_has(m_table->item(row, 0)->text())); });
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 14, 16, 12);
    layout->setSpacing(10);
    auto* top = new QHBoxLayout;
    top->addWidget(said, 1);
    top->addWidget(m_onlyDifferences, 0, Qt::AlignTop);
    layout->addLayout(top);
    layout->addWidget(m_table, 1);
    layout->addWidget(buttons);
}

void LogDialog::fill(const std::vector<quant::LogDifference>& differences) {
    m_table->setHorizontalHeaderLabels({tr("Tensor"), tr("Result"), tr("Largest difference")});
    const QString tips[] = {tr("Name in the log, in the order of computation; a click sorts by it"),
                            tr("How the run's tensor differs from the log's; a click brings the worst first"),
                            tr("Greatest difference of two values; a click brings it first")};
    for (int column = 0; column < m_table->columnCount(); ++column)
        m_table->horizontalHeaderItem(column)->setToolTip(tips[column]);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setTextElideMode(Qt::ElideMiddle);
    m_table->verticalHeader()->hide();
    m_table->setAccessibleName(tr("Tensors of the log and of the run"));
    views::copyRowsByKey(m_table);
    for (int row = 0; row < m_table->rowCount(); ++row) {
        const auto& difference = differences[static_cast<std::size_t>(row)];
        auto* name = new Cell(QString::fromStdString(difference.key));
        name->setToolTip(name->text());
        name->setData(kDiffersRole, differs(difference));
        m_table->setItem(row, 0, name);
        m_table->setItem(row, 1, new Cell(text(difference), badness(difference)));
        const bool values = difference.kind == Kind::Values;
        m_table->setItem(
            row, 2,
            new Cell(values ? views::numberText(difference.largest, 5) : QString(), values ? difference.largest : -1));
    }
    QHeaderView* header = m_table->horizontalHeader();
    header->setSectionResizeMode(0, QHeaderView::Stretch);
    header->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    header->setSectionResizeMode(2, QHeaderView::ResizeToContents);
    // Not sorted until a head is clicked: in the order of computation the first difference is where it began.
    header->setSortIndicator(-1, Qt::AscendingOrder);
    header->setSortIndicatorShown(true);
    header->setSectionsClickable(true);
    connect(header, &QHeaderView::sectionClicked, this,
            [this, header, last = -1, worstFirst = true](int column) mutable {
                worstFirst = column != last || !worstFirst;
                last = column;
                const bool descending = column == 0 ? !worstFirst : worstFirst;
                const Qt::SortOrder order = descending ? Qt::DescendingOrder : Qt::AscendingOrder;
                m_table->sortItems(column, order);
                header->setSortIndicator(column, order);
                hideEqual();
            });
}

void LogDialog::hideEqual() {
    for (int row = 0; row < m_table->rowCount(); ++row)
        m_table->setRowHidden(row,
                              m_onlyDifferences->isChecked() && !m_table->item(row, 0)->data(kDiffersRole).toBool());
}

void LogDialog::choose(int row) {
    if (row >= 0 && m_has(m_table->item(row, 0)->text()))
        Q_EMIT tensorChosen(m_table->item(row, 0)->text());
}

} // namespace fxp::gui
