#include "app/gui/log_dialog.h"

#include <QDialogButtonBox>
#include <QFileInfo>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QTableWidget>
#include <QVBoxLayout>

namespace fxp::gui {

namespace {

using Kind = quant::LogDifference::Kind;

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

} // namespace

LogDialog::LogDialog(const QString& file, const std::vector<quant::LogDifference>& differences, QWidget* parent)
    : QDialog(parent) {
    setWindowTitle(tr("Run against %1").arg(QFileInfo(file).fileName()));
    resize(760, 520);
    std::size_t equal = 0;
    for (const auto& difference : differences)
        equal += difference.kind == Kind::Equal;
    auto* table = new QTableWidget(static_cast<int>(differences.size()), 3);
    table->setHorizontalHeaderLabels({tr("Tensor"), tr("Result"), tr("Largest difference")});
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->verticalHeader()->hide();
    for (int row = 0; row < table->rowCount(); ++row) {
        const auto& difference = differences[static_cast<std::size_t>(row)];
        table->setItem(row, 0, new QTableWidgetItem(QString::fromStdString(difference.key)));
        table->setItem(row, 1, new QTableWidgetItem(text(difference)));
        const bool differs = difference.kind == Kind::Values;
        table->setItem(row, 2, new QTableWidgetItem(differs ? QString::number(difference.largest, 'g', 5) : QString()));
    }
    table->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
    table->horizontalHeader()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    table->horizontalHeader()->setSectionResizeMode(2, QHeaderView::ResizeToContents);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 14, 16, 12);
    layout->setSpacing(10);
    layout->addWidget(new QLabel(tr("%1 of %2 tensors are equal to the last bit.").arg(equal).arg(differences.size())));
    layout->addWidget(table, 1);
    layout->addWidget(buttons);
}

} // namespace fxp::gui
