#include "app/gui/demo.h"
#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/recent_files.h"
#include "app/gui/recovery.h"
#include "model/samples_loader.h"

#include <QAction>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QStandardPaths>

namespace fxp::gui {

namespace {

constexpr auto kDemoTensor = "encoder.layers.1.linear1.activation";

bool isQConfigFile(const QString& file) {
    return file.endsWith(".json", Qt::CaseInsensitive);
}

bool isSessionFile(const QString& file) {
    return file.endsWith(".fxp", Qt::CaseInsensitive);
}

/// Where the program unpacks its own files: nothing that the user opened or would save over lies there.
bool isOurs(const QString& file) {
    return file.startsWith(QStandardPaths::writableLocation(QStandardPaths::CacheLocation));
}

} // namespace

void MainWindow::start(QStringList files, const QString& labels) {
    for (QString& file : files)
        file = QFileInfo(file).absoluteFilePath();
    m_recovery->offer([this, files, labels](bool recovered) {
        const auto openAsked = [this, files, labels] { openFiles(files, labels); };
        if (!recovered)
            files.isEmpty() ? openAtStart() : openAsked();
        else if (!files.isEmpty() && !files.contains(m_document.request().model))
            m_messages->offer(tr("Your edits are back. %1 was to be opened.").arg(QFileInfo(files.front()).fileName()),
                              tr("Open it"), openAsked);
        else
            m_messages->showNotice(tr("Your edits are back. They are not saved yet; Undo takes them away."));
    });
}

void MainWindow::openAtStart() {
    const QString session = m_settings.value("lastSession").toString();
    if (m_settings.value("reopenSession", false).toBool() && QFileInfo::exists(session))
        openSession(session);
    else
        openDemo();
}

void MainWindow::offerRecovery() {
    if (!m_recovery->hasLeft()) {
        m_messages->showNotice(tr("No unsaved work was left behind."));
        return;
    }
    leave([this] {
        m_recovery->offer([this](bool recovered) {
            if (recovered)
                m_messages->showNotice(tr("Your edits are back. They are not saved yet; Undo takes them away."));
        });
    });
}

void MainWindow::openFiles(const QStringList& files, const QString& labels) {
    model::OpenRequest request;
    request.labels = labels;
    for (const QString& file : files) {
        if (isSessionFile(file)) {
            openSession(file);
            return;
        }
        if (isQConfigFile(file))
            request.qconfig = file;
        else if (model::isSamplesFile(file))
            request.samples << file;
        else
            request.model = file;
    }
    if (!request.model.isEmpty()) {
        open(request);
        return;
    }
    guarded([&] {
        if (!request.samples.isEmpty())
            m_document.openSamples(request.samples, labels);
        if (!request.qconfig.isEmpty()) {
            m_messages->hide();
            loadQConfig(request.qconfig);
        }
    });
}

void MainWindow::open(const model::OpenRequest& request) {
    if (isSessionFile(request.model)) {
        openFiles({request.model});
        return;
    }
    leave([this, request] {
        m_document.openModel(request, [this, request] {
            m_settings.setValue("folder", QFileInfo(request.model).absolutePath());
            if (!request.qconfig.isEmpty())
                loadQConfig(request.qconfig);
            else if (!m_document.model()->randomSamples)
                m_messages->offer(
                    tr("Every tensor is float. Calibrate to give each a format from the values that it takes."),
                    tr("Calibrate…"), [this] { m_calibrateDialog->trigger(); });
            loadWeightsOf(request);
        });
    });
}

void MainWindow::openDemo() {
    guarded([this] {
        const Demo demo = unpackDemo(QStandardPaths::writableLocation(QStandardPaths::CacheLocation) + "/demo");
        m_document.openModel(demo.model, {demo.samples}, demo.labels, [this, qconfig = demo.qconfig] {
            loadQConfig(qconfig);
            m_selection.select(m_document.slotOf(kDemoTensor));
        });
    });
}

void MainWindow::chooseModel() {
    const QString file =
        QFileDialog::getOpenFileName(this, tr("Open model"), m_settings.value("folder").toString(),
                                     tr("TorchScript models (*.pt *.pth *.jit *.ts *.zip);;All files (*)"));
    if (!file.isEmpty())
        openFiles({file});
}

void MainWindow::chooseSamples() {
    const QStringList files =
        QFileDialog::getOpenFileNames(this, tr("Open samples"), m_settings.value("folder").toString(),
                                      tr("Samples (*.npz *.npy *.png *.jpg *.jpeg *.bmp *.ppm);;All files (*)"));
    if (!files.isEmpty())
        openFiles(files);
}

void MainWindow::chooseLabels() {
    const QString file = QFileDialog::getOpenFileName(this, tr("Open labels"), m_settings.value("folder").toString(),
                                                      tr("Labels (*.npz *.npy)"));
    if (!file.isEmpty())
        guarded([&] { m_document.openLabels(file); });
}

void MainWindow::chooseQConfig() {
    const QString file = QFileDialog::getOpenFileName(this, tr("Open QConfig"), m_settings.value("folder").toString(),
                                                      tr("QConfig (*.json)"));
    if (!file.isEmpty()) {
        m_messages->hide();
        loadQConfig(file);
    }
}

void MainWindow::loadQConfig(const QString& file) {
    guarded([&] {
        try {
            m_messages->hide(); // a note about the file stays
            m_document.loadQConfig(file);
        } catch (const model::OtherModel&) {
            m_messages->offer(tr("%1 was made for another model file.").arg(QFileInfo(file).fileName()),
                              tr("Take it all the same"),
                              [this, file] { guarded([&] { m_document.loadQConfig(file, true); }); });
        }
        updateTitle();
    });
}

/// The weights that were open with the model, unless they came with it.
void MainWindow::loadWeightsOf(const model::OpenRequest& request) {
    if (!request.weights.isEmpty() && m_document.weightsOrigin().file != request.weights)
        m_document.loadWeights(request.weights);
}

/// Keeps what is open now among the recent files, with all that is open beside it.
void MainWindow::remember() {
    if (!m_document.isOpen() || isOurs(m_document.request().model))
        return;
    model::OpenRequest request = m_document.request();
    if (isOurs(request.qconfig))
        request.qconfig.clear();
    m_recentFiles->add(request);
}

} // namespace fxp::gui
