#include "app/gui/layouts.h"
#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/recovery.h"

#include <QCloseEvent>
#include <QDir>
#include <QFileDialog>
#include <QMessageBox>
#include <QStandardPaths>

namespace fxp::gui {

/// Saves all that is unsaved, and the formats in any case where there is nothing else. `then` is called when all is on
/// the disk; never when a name is not given or a file cannot be written.
void MainWindow::save(const std::function<void()>& then) {
    const model::Unsaved unsaved = m_document.unsaved();
    if (unsaved.formats > 0 || unsaved.folding || !unsaved.weights) {
        const QString known = m_document.qconfigFile();
        const bool isOurs = known.startsWith(QStandardPaths::writableLocation(QStandardPaths::CacheLocation));
        if (!saveQConfig(isOurs ? QString() : known))
            return;
    }
    if (!unsaved.weights) {
        if (then)
            then();
        return;
    }
    if (const QString file = chosenName(tr("Save weights"), ".safetensors", tr("Weights (*.safetensors)"));
        !file.isEmpty())
        m_document.saveWeights(file, then);
}

void MainWindow::saveAs() {
    saveQConfig({});
}

/// Asks for a name where none is given. False when it is not saved.
bool MainWindow::saveQConfig(QString file) {
    if (file.isEmpty())
        file = chosenName(tr("Save QConfig"), ".qconfig.json", tr("QConfig (*.json)"));
    if (file.isEmpty())
        return false;
    bool done = false;
    guarded([&] {
        m_document.saveQConfig(file);
        done = true;
    });
    updateTitle();
    return done;
}

/// Calls `then` when it is fine to leave the document: nothing is unsaved, or it is saved now, or given up.
void MainWindow::leave(const std::function<void()>& then) {
    if (!m_document.isOpen() || !m_document.isModified()) {
        then();
        return;
    }
    QMessageBox box(QMessageBox::Question, tr("Unsaved work"),
                    tr("%1 has work that is not saved: %2.")
                        .arg(QString::fromStdString(m_document.model()->identity.name), inWords(m_document.unsaved())),
                    QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel, this);
    box.setInformativeText(tr("Save it?"));
    const int answer = box.exec();
    if (answer == QMessageBox::Save)
        save([this, then] { leave(then); }); // there may be new edits since
    else if (answer == QMessageBox::Discard)
        then();
}

void MainWindow::closeEvent(QCloseEvent* event) {
    // Saving weights takes a while: the window closes when they are written.
    const auto isLater = std::make_shared<bool>(false), mayClose = std::make_shared<bool>(m_closing);
    if (!m_closing)
        leave([this, isLater, mayClose] {
            *mayClose = true;
            if (*isLater) {
                m_closing = true;
                close();
            }
        });
    *isLater = true;
    if (!*mayClose) {
        event->ignore();
        return;
    }
    m_recovery->journal().finish();
    m_document.cancel();
    m_settings.setValue("geometry", saveGeometry());
    m_layouts->store();
    event->accept();
}

} // namespace fxp::gui
