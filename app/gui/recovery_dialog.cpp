#include "app/gui/recovery_dialog.h"

#include "model/background.h"
#include "quant/io/atomic_file.h"
#include "quant/io/qconfig.h"
#include "views/copy_rows.h"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QLocale>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace fxp::gui {

namespace {

using Model = LeftWork::Model;

constexpr int kRows = 6; ///< shown at once

QString titleOf(const LeftWork& work) {
    const QString when = QLocale().toString(work.changed, QLocale::ShortFormat);
    return RecoveryDialog::tr("%1 · last edit %2").arg(QString::fromStdString(work.journal.modelName), when);
}

QString detailsOf(const LeftWork& work) {
    const model::Journal& journal = work.journal;
    QStringList lines{RecoveryDialog::tr("Model: %1").arg(QDir::toNativeSeparators(journal.request.model))};
    const auto add = [&lines](const QString& text, const QString& file) {
        if (!file.isEmpty())
            lines << text.arg(QDir::toNativeSeparators(file));
    };
    add(RecoveryDialog::tr("Samples: %1"), journal.request.samples.join(", "));
    add(RecoveryDialog::tr("Labels: %1"), journal.request.labels);
    add(RecoveryDialog::tr("QConfig: %1"), journal.request.qconfig);
    QStringList what{RecoveryDialog::tr("formats of %1 tensors").arg(journal.state.formats.size())};
    if (!journal.state.folded.empty())
        what << RecoveryDialog::tr("%1 folded batch norms").arg(journal.state.folded.size());
    if (!journal.state.weights.isEmpty())
        what << (journal.state.tuned ? RecoveryDialog::tr("fine-tuned weights") : RecoveryDialog::tr("loaded weights"));
    lines << RecoveryDialog::tr("Kept: %1").arg(what.join(", "));
    return lines.join('\n');
}

} // namespace

std::vector<LeftWork> leftWork(const QString& folder) {
    std::vector<LeftWork> left;
    for (const QString& path : model::journalsIn(folder)) {
        std::shared_ptr<model::JournalFile> file = model::JournalFile::taken(path);
        if (!file)
            continue;
        LeftWork work{file, {}, QFileInfo(path).lastModified(), Model::Checking};
        try {
            work.journal = model::readJournal(file->read());
        } catch (const std::exception&) {
            continue; // of another version, or none of ours: it is not ours to remove
        }
        if (work.journal.isClean)
            file->remove();
        else
            left.push_back(std::move(work));
    }
    std::ranges::reverse(left);
    return left;
}

RecoveryDialog::RecoveryDialog(std::vector<LeftWork> left, QWidget* parent)
    : QDialog(parent), m_left(std::move(left)), m_list(new QListWidget), m_heading(new QLabel), m_details(new QLabel),
      m_problem(new QLabel), m_recover(new QPushButton(tr("&Recover"))), m_discard(new QPushButton(tr("&Discard"))),
      m_locate(new QPushButton(tr("&Choose the model file…"))),
      m_save(new QPushButton(tr("&Save formats as QConfig…"))) {
    setWindowTitle(tr("Unsaved work"));
    setWindowModality(Qt::WindowModal);
    auto* text = new QLabel(tr("The program ended before these edits were saved. Take them up again?"));
    text->setWordWrap(true);
    m_list->setAccessibleName(tr("Unsaved work"));
    views::copyRowsByKey(m_list);
    m_heading->setObjectName("heading");
    m_details->setAccessibleName(tr("What is kept"));
    m_details->setObjectName("muted");
    m_details->setWordWrap(true);
    m_details->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_problem->setWordWrap(true);
    m_problem->setObjectName("danger");
    auto* later = new QPushButton(tr("&Later"));
    later->setToolTip(tr("Keep them; they are offered again at the next start, and in the File menu"));
    m_recover->setToolTip(tr("Open the model with its files, and take these edits up as unsaved ones"));
    m_discard->setToolTip(tr("Remove these edits from the disk; they cannot be brought back"));
    m_locate->setToolTip(tr("Say where the file that the edits were made on is now"));
    m_save->setToolTip(tr("Write the formats into a file that any model with these tensors can open"));
    m_recover->setDefault(true);
    auto* helps = new QHBoxLayout;
    helps->addWidget(m_locate);
    helps->addWidget(m_save);
    helps->addStretch(1);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_discard);
    buttons->addStretch(1);
    buttons->addWidget(later);
    buttons->addWidget(m_recover);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 18, 20, 16);
    layout->setSpacing(10);
    layout->addWidget(text);
    layout->addWidget(m_list);
    layout->addWidget(m_heading);
    layout->addWidget(m_details);
    layout->addWidget(m_problem);
    layout->addLayout(helps);
    layout->addLayout(buttons);
    setMinimumWidth(fontMetrics().averageCharWidth() * 84);

    for (const LeftWork& work : m_left)
        m_list->addItem(titleOf(work));
    m_list->setCurrentRow(0);
    connect(m_list, &QListWidget::currentRowChanged, this, &RecoveryDialog::refresh);
    connect(m_list, &QListWidget::itemActivated, this, &RecoveryDialog::recover);
    connect(m_recover, &QPushButton::clicked, this, &RecoveryDialog::recover);
    connect(m_discard, &QPushButton::clicked, this, &RecoveryDialog::discard);
    connect(m_locate, &QPushButton::clicked, this, &RecoveryDialog::locateModel);
    connect(m_save, &QPushButton::clicked, this, &RecoveryDialog::saveFormats);
    connect(later, &QPushButton::clicked, this, &QDialog::reject);
    for (LeftWork& work : m_left)
        checkModel(work);
    refresh();
    m_recover->setFocus();
}

LeftWork* RecoveryDialog::current() {
    const int row = m_list->currentRow();
    return row >= 0 && row < static_cast<int>(m_left.size()) ? &m_left[static_cast<std::size_t>(row)] : nullptr;
}

/// Compares the model file with the one that the edits were made on, in the background.
void RecoveryDialog::checkModel(LeftWork& work) {
    work.model = QFileInfo(work.journal.request.model).isFile() ? Model::Checking : Model::Gone;
    if (work.model == Model::Gone)
        return;
    const auto answer = [this, file = work.file](Model state) {
        for (LeftWork& each : m_left) {
            if (each.file == file)
                each.model = state;
        }
        refresh();
    };
    model::inBackground<std::string>(
        this, [path = work.journal.request.model.toStdString()] { return quant::sha256OfFile(path); },
        [answer, expected = work.journal.sha256](const std::string& sha256) {
            answer(sha256 == expected ? Model::AsItWas : Model::Changed);
        },
        [answer](const model::Failure&) { answer(Model::Gone); });
}

void RecoveryDialog::refresh() {
    const LeftWork* work = current();
    if (!work)
        return;
    // A list of one is none.
    const int rows = m_list->count();
    m_list->setVisible(rows > 1);
    m_list->setFixedHeight(m_list->sizeHintForRow(0) * std::min(rows, kRows) + 2 * m_list->frameWidth());
    m_heading->setText(titleOf(*work));
    m_heading->setVisible(rows == 1);
    m_details->setText(detailsOf(*work));
    const QString name = QFileInfo(work->journal.request.model).fileName();
    m_problem->setText(work->model == Model::Gone      ? tr("%1 is no longer there.").arg(name)
                       : work->model == Model::Changed ? tr("%1 is another file than the edits were made on.").arg(name)
                                                       : QString());
    const bool lacks = work->model == Model::Gone || work->model == Model::Changed;
    m_problem->setVisible(lacks);
    m_locate->setVisible(lacks);
    m_save->setVisible(lacks);
    m_recover->setEnabled(work->model == Model::AsItWas);
    if (m_recover->isEnabled() && !m_list->hasFocus())
        m_recover->setFocus();
    // Wrapped texts ask for the height of a narrow window otherwise.
    resize(minimumWidth(), layout()->totalHeightForWidth(minimumWidth()));
}

void RecoveryDialog::recover() {
    const LeftWork* work = current();
    if (!work || work->model != Model::AsItWas)
        return;
    m_chosen = *work;
    accept();
}

void RecoveryDialog::discard() {
    const int row = m_list->currentRow();
    if (!current())
        return;
    current()->file->remove();
    m_left.erase(m_left.begin() + row);
    delete m_list->takeItem(row);
    if (m_left.empty())
        reject();
    else
        refresh();
}

void RecoveryDialog::locateModel() {
    const QString file = QFileDialog::getOpenFileName(this, tr("The model that the edits were made on"),
                                                      QFileInfo(current()->journal.request.model).path());
    if (file.isEmpty())
        return;
    current()->journal.request.model = file;
    checkModel(*current());
    refresh();
}

void RecoveryDialog::saveFormats() {
    const model::Journal& journal = current()->journal;
    const QString name = QString::fromStdString(journal.modelName) + ".recovered.json";
    const QString file = QFileDialog::getSaveFileName(this, tr("Save formats as QConfig"), QDir::home().filePath(name),
                                                      tr("QConfig (*.json)"));
    if (file.isEmpty())
        return;
    try {
        quant::writeFileAtomically(file.toStdString(), qconfigOf(journal.state, journal.modelName, journal.sha256));
        m_problem->setText(tr("The formats are in %1. The edits stay kept until you discard them.").arg(file));
    } catch (const std::exception&) {
        const model::Failure failure = model::currentFailure();
        m_problem->setText(failure.where + ": " + failure.problem + ". " + failure.hint);
    }
}

} // namespace fxp::gui
