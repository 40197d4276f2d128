#include "app/gui/session_files_dialog.h"

#include "model/background.h"
#include "views/copy_rows.h"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace fxp::gui {

SessionFilesDialog::SessionFilesDialog(const QString& file, const model::SessionFile& session,
                                       std::vector<model::ChangedFile> changed, QWidget* parent)
    : QDialog(parent), m_session(session), m_changed(std::move(changed)), m_list(new QListWidget),
      m_locate(new QPushButton(tr("&Locate…"))), m_open(new QPushButton(tr("&Open all the same"))) {
    setWindowTitle(tr("Open %1").arg(QFileInfo(file).fileName()));
    setWindowModality(Qt::WindowModal);
    auto* text = new QLabel(tr("Not all files are as they were when the session was saved."));
    text->setWordWrap(true);
    m_list->setAccessibleName(tr("Files that are not as they were"));
    views::copyRowsByKey(m_list);
    m_locate->setToolTip(tr("Choose another file in the place of the selected one (Enter)"));
    auto* cancel = new QPushButton(tr("Cancel"));
    cancel->setToolTip(tr("Open nothing; what is open stays (Esc)"));
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_locate);
    buttons->addStretch(1);
    buttons->addWidget(cancel);
    buttons->addWidget(m_open);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 18, 20, 16);
    layout->setSpacing(10);
    layout->addWidget(text);
    layout->addWidget(m_list);
    layout->addLayout(buttons);
    resize(fontMetrics().averageCharWidth() * 90, sizeHint().height());
    connect(m_locate, &QPushButton::clicked, this, &SessionFilesDialog::locate);
    connect(m_list, &QListWidget::itemActivated, this, &SessionFilesDialog::locate);
    connect(m_open, &QPushButton::clicked, this, &QDialog::accept);
    connect(cancel, &QPushButton::clicked, this, &QDialog::reject);
    refresh();
}

void SessionFilesDialog::refresh() {
    m_list->clear();
    for (const model::ChangedFile& file : m_changed) {
        const QString path = QDir::toNativeSeparators(file.path);
        m_list->addItem(file.isGone ? tr("%1 is no longer there").arg(path) : tr("%1 has changed").arg(path));
    }
    m_list->setCurrentRow(0);
    const bool modelGone = std::ranges::any_of(m_changed, [this](const model::ChangedFile& file) {
        return file.isGone && file.path == m_session.request.model;
    });
    m_locate->setEnabled(!m_changed.empty());
    m_open->setEnabled(!modelGone);
    m_open->setText(m_changed.empty() ? tr("&Open") : tr("&Open all the same"));
    m_open->setToolTip(modelGone            ? tr("Without the model there is nothing to open: locate it")
                       : !m_changed.empty() ? tr("Files that are gone are left out, others taken as they are now")
                                            : tr("Open the session: all of its files are there"));
}

void SessionFilesDialog::locate() {
    const int row = m_list->currentRow();
    if (row < 0 || row >= static_cast<int>(m_changed.size()))
        return;
    const QString path = m_changed[static_cast<std::size_t>(row)].path;
    const QString instead =
        QFileDialog::getOpenFileName(this, tr("Locate %1").arg(QFileInfo(path).fileName()), QFileInfo(path).path());
    if (instead.isEmpty())
        return;
    m_session = withFile(m_session, path, instead);
    setEnabled(false); // until the files are read
    model::inBackground<std::vector<model::ChangedFile>>(
        this, [session = m_session] { return model::changedFiles(session); },
        [this](const std::vector<model::ChangedFile>& changed) {
            m_changed = changed;
            setEnabled(true);
            refresh();
        },
        [this](const model::Failure&) { setEnabled(true); });
}

model::SessionFile SessionFilesDialog::session() const {
    model::SessionFile session = m_session;
    const auto isGone = [this](const QString& path) {
        return std::ranges::any_of(m_changed,
                                   [&](const model::ChangedFile& file) { return file.isGone && file.path == path; });
    };
    session.request.samples.removeIf(isGone);
    for (QString* file : {&session.request.labels, &session.request.qconfig, &session.request.weights}) {
        if (isGone(*file))
            file->clear();
    }
    if (session.request.samples.isEmpty())
        session.request.labels.clear();
    return session;
}

} // namespace fxp::gui
