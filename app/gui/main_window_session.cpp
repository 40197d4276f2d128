#include "app/gui/layouts.h"
#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/recent_files.h"
#include "app/gui/session_files_dialog.h"
#include "model/background.h"
#include "quant/core/read_file.h"
#include "quant/io/atomic_file.h"

#include <QAction>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>

namespace fxp::gui {

namespace {

QString sessionFilter() {
    return MainWindow::tr("Sessions (*.fxp)");
}

} // namespace

void MainWindow::buildSessionActions() {
    m_openSession = action(tr("Open s&ession…"), {}, tr("Open all that a session file names, as it was"),
                           [this] { chooseSession(); });
    m_saveSession = action(tr("Save sessio&n"), QKeySequence("Ctrl+Alt+S"),
                           tr("Save what is open, its formats and the layout, to go on later"),
                           [this] { saveSession(m_sessionFile); });
    m_saveSessionAs =
        action(tr("Save session as…"), {}, tr("Save the session in another file"), [this] { saveSession({}); });
    m_reopenSession = action(tr("Reopen the last session at start"), {},
                             tr("Begin with the session that was open last, and not with the demo"), [] {});
    m_reopenSession->setCheckable(true);
    m_reopenSession->setChecked(m_settings.value("reopenSession", false).toBool());
    connect(m_reopenSession, &QAction::toggled, this, [this](bool on) { m_settings.setValue("reopenSession", on); });
    // What is opened by itself is no part of the session that was open.
    connect(&m_document, &model::Document::modelOpened, this, [this] {
        m_sessionFile.clear();
        m_sessionRuns = {};
        updateTitle();
    });
}

void MainWindow::chooseSession() {
    const QString file =
        QFileDialog::getOpenFileName(this, tr("Open session"), m_settings.value("folder").toString(), sessionFilter());
    if (!file.isEmpty())
        openFiles({file});
}

model::SessionFile MainWindow::currentSession() const {
    model::SessionFile session;
    session.request = m_document.request();
    if (!m_document.isInQConfig()) {
        session.edits = m_document.editState();
        session.edits->weights.clear();
        session.edits->tuned = false;
    }
    session.geometry = saveGeometry();
    session.panes = m_layouts->state();
    const auto pathOf = [this](int slot) {
        return QString::fromStdString(m_document.slotInfos()[static_cast<std::size_t>(slot)].path);
    };
    for (const int slot : m_selection.slotList()) {
        if (slot >= 0 && slot < m_document.slotCount())
            session.selection << pathOf(slot);
    }
    if (m_selection.current() >= 0 && m_selection.current() < m_document.slotCount())
        session.current = pathOf(m_selection.current());
    session.runs = m_sessionRuns;
    return session;
}

/// Asks for a name where none is given. Weights that are in no file go into one beside the session.
void MainWindow::saveSession(QString file) {
    if (!m_document.isOpen())
        return;
    if (file.isEmpty())
        file = chosenName(tr("Save session"), ".fxp", sessionFilter());
    if (file.isEmpty())
        return;
    if (QFileInfo(file).suffix().isEmpty())
        file += ".fxp";
    file = QFileInfo(file).absoluteFilePath();
    if (m_document.unsaved().weights) {
        const QFileInfo info(file);
        m_document.saveWeights(info.dir().filePath(info.completeBaseName() + ".safetensors"),
                               [this, file] { writeSession(file); });
    } else {
        writeSession(file);
    }
}

void MainWindow::writeSession(const QString& file) {
    const model::SessionFile session = currentSession();
    const model::EditState edits = m_document.editState();
    model::inBackground<bool>(
        this,
        [session, file] {
            model::SessionFile whole = session;
            whole.sha256 = model::hashesOf(session.request);
            quant::writeFileAtomically(file.toStdString(), toBytes(whole, QFileInfo(file).path()).toStdString());
            return true;
        },
        [this, file, edits](bool) {
            if (m_document.editState() == edits) // else there are edits since
                m_document.markSaved();
            onSessionIsAt(file);
            m_messages->showNotice(tr("The session is saved in %1.").arg(QDir::toNativeSeparators(file)));
        },
        [this](const model::Failure& failure) { m_messages->showError(failure.where, failure.problem, failure.hint); });
}

void MainWindow::onSessionIsAt(const QString& file) {
    m_sessionFile = file;
    m_settings.setValue("lastSession", file);
    m_settings.setValue("folder", QFileInfo(file).path());
    model::OpenRequest request;
    request.model = file;
    m_recentFiles->add(request);
    updateTitle();
}

void MainWindow::openSession(const QString& name) {
    const QString file = QFileInfo(name).absoluteFilePath();
    guarded([&] {
        try {
            const quant::FileBytes bytes = quant::readFile(file.toStdString());
            const QByteArray text(bytes.text().data(), static_cast<qsizetype>(bytes.text().size()));
            checkSession(file, model::sessionFileFrom(text, QFileInfo(file).path()));
        } catch (const Error& error) {
            const bool isAtFile = QString::fromStdString(error.where).startsWith(file);
            throw Error(isAtFile ? error.where : file.toStdString() + " " + error.where, error.problem, error.hint);
        }
    });
}

/// Opens the session if its files are as they were, else asks what to do about those that are not.
void MainWindow::checkSession(const QString& file, const model::SessionFile& session) {
    model::inBackground<std::vector<model::ChangedFile>>(
        this, [session] { return model::changedFiles(session); },
        [this, file, session](const std::vector<model::ChangedFile>& changed) {
            if (changed.empty()) {
                showSession(file, session);
                return;
            }
            auto* dialog = new SessionFilesDialog(file, session, changed, this);
            dialog->setAttribute(Qt::WA_DeleteOnClose);
            connect(dialog, &QDialog::accepted, this, [this, dialog, file] { showSession(file, dialog->session()); });
            dialog->open();
        },
        [this](const model::Failure& failure) { m_messages->showError(failure.where, failure.problem, failure.hint); });
}

void MainWindow::showSession(const QString& file, const model::SessionFile& session) {
    leave([this, file, session] { openWhole(file, session); });
}

/// Where a file of the session was left out and its samples with it, the Open dialog asks for others.
void MainWindow::openWhole(const QString& file, const model::SessionFile& session) {
    const auto arrange = [this, file, session] {
        const auto show = [this, file, session] {
            onSessionIsAt(file);
            m_sessionRuns = session.runs;
            restoreLayout(session);
        };
        if (!session.edits) {
            show();
            return;
        }
        model::EditState state = *session.edits;
        state.weights = session.request.weights;
        m_document.restore(state, {}, show);
    };
    m_document.openModel(session.request, arrange, [this, session, arrange](const model::Failure& failure) {
        if (!failure.incomplete) {
            m_messages->showError(failure.where, failure.problem, failure.hint);
            return;
        }
        askToOpen(session.request, [arrange](bool isOpen) {
            if (isOpen)
                arrange();
        });
    });
}

void MainWindow::restoreLayout(const model::SessionFile& session) {
    if (!session.geometry.isEmpty())
        restoreGeometry(session.geometry);
    fitToScreen();
    m_layouts->show(session.panes);
    std::vector<int> selected;
    for (const QString& path : session.selection) {
        if (const int slot = m_document.slotOf(path); slot >= 0)
            selected.push_back(slot);
    }
    const int current = m_document.slotOf(session.current);
    if (!selected.empty())
        m_selection.set(selected, current >= 0 ? current : selected.front());
}

} // namespace fxp::gui
