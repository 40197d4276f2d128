#include "app/gui/recovery.h"

#include <QFileInfo>

#include <utility>

namespace fxp::gui {

namespace {

/// Takes those of the files out that are no longer there, and gives their names.
QStringList dropMissing(model::OpenRequest& request) {
    QStringList gone;
    const auto isGone = [&gone](const QString& file) {
        const bool missing = !file.isEmpty() && !QFileInfo::exists(file);
        if (missing)
            gone << QFileInfo(file).fileName();
        return missing;
    };
    request.samples.removeIf(isGone);
    for (QString* file : {&request.labels, &request.qconfig, &request.weights}) {
        if (isGone(*file))
            file->clear();
    }
    if (request.samples.isEmpty())
        request.labels.clear();
    return gone;
}

} // namespace

Recovery::Recovery(model::Document& document, const QString& folder, Ask ask, QWidget* window)
    : QObject(window), m_document(document), m_folder(folder), m_ask(std::move(ask)), m_window(window),
      m_journal(document, folder) {}

void Recovery::offer(const std::function<void(bool)>& then) {
    auto left = leftWork(m_folder);
    if (left.empty()) {
        then(false);
        return;
    }
    auto* dialog = new RecoveryDialog(std::move(left), m_window);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QDialog::finished, this, [this, dialog, then] {
        if (const auto chosen = dialog->chosen())
            recover(*chosen, then);
        else
            then(false);
    });
    dialog->open();
}

/// The journal that was left stays until the recovered edits are in the one of this program.
void Recovery::recover(const LeftWork& work, const std::function<void(bool)>& then) {
    model::OpenRequest request = work.journal.request;
    const QStringList gone = dropMissing(request);
    // A QConfig that is broken since is no reason to lose the edits: it is read when the model is open.
    const QString qconfig = std::exchange(request.qconfig, {});
    const auto restore = [this, work, qconfig, gone, then] {
        loadQConfig(qconfig);
        m_document.restore(work.journal.state, tr("Recovered edits"), [this, work, gone, then] {
            m_journal.whenWritten([file = work.file](bool written) {
                if (written)
                    file->remove();
            });
            then(true);
            if (!gone.isEmpty())
                Q_EMIT told(tr("No longer there, and left out: %1.").arg(gone.join(", ")));
        });
    };
    m_document.openModel(request, restore, [this, request, restore, then](const model::Failure& failure) {
        if (!failure.incomplete) {
            Q_EMIT m_document.failed(failure.where, failure.problem, failure.hint);
            return;
        }
        m_ask(request, [restore, then](bool isOpen) { isOpen ? restore() : then(false); });
    });
}

void Recovery::loadQConfig(const QString& file) {
    if (file.isEmpty())
        return;
    try {
        m_document.loadQConfig(file, true);
    } catch (const std::exception&) {
        const model::Failure failure = model::currentFailure();
        Q_EMIT told(tr("%1 is left out: %2.").arg(file, failure.problem));
    }
}

} // namespace fxp::gui
