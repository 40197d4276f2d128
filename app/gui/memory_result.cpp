#include "app/gui/memory_result.h"

#include "views/copy_rows.h"

#include <QDesktopServices>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QTreeWidget>
#include <QUrl>
#include <QVBoxLayout>

namespace fxp::gui {

MemoryResult::MemoryResult(const model::MemoryWritten& written, QWidget* parent) : QDialog(parent) {
    setWindowTitle(tr("Exported"));
    resize(640, 460);
    auto* said = new QLabel(tr("%1 files in %2, each read again and compared.")
                                .arg(QLocale().toString(written.files.size()), written.folder));
    said->setWordWrap(true);
    said->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    auto* list = new QTreeWidget;
    list->setHeaderLabels({tr("File or tensor"), tr("Result")});
    list->setRootIsDecorated(false);
    list->setTextElideMode(Qt::ElideMiddle);
    list->setAccessibleName(tr("Files written, and tensors left out"));
    list->header()->setStretchLastSection(false);
    list->header()->setSectionResizeMode(0, QHeaderView::Stretch);
    list->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    views::copyRowsByKey(list);
    // What is missing comes first: the files are as expected.
    for (const quant::Refusal& refusal : written.refusals)
        new QTreeWidgetItem(list,
                            {QString::fromStdString(refusal.path),
                             tr("left out of %1: %2")
                                 .arg(QString::fromStdString(refusal.target), QString::fromStdString(refusal.reason))});
    for (const QString& file : written.files)
        new QTreeWidgetItem(list, {file, tr("written")});
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    QPushButton* show = buttons->addButton(tr("&Open folder"), QDialogButtonBox::ActionRole);
    show->setAutoDefault(false);
    buttons->button(QDialogButtonBox::Close)->setDefault(true);
    connect(show, &QPushButton::clicked, this,
            [folder = written.folder] { QDesktopServices::openUrl(QUrl::fromLocalFile(folder)); });
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 14, 16, 12);
    layout->setSpacing(10);
    layout->addWidget(said);
    layout->addWidget(list, 1);
    for (const QString& note : written.notes) {
        auto* label = new QLabel(note);
        label->setObjectName("muted");
        label->setWordWrap(true);
        layout->addWidget(label);
    }
    layout->addWidget(buttons);
}

} // namespace fxp::gui
