#include "app/gui/demo.h"
#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "app/gui/recent_files.h"
#include "app/gui/recovery.h"
#include "model/files_beside.h"

#include <QAction>
#include <QFileDialog>
#include <QFileInfo>
#include <QStandardPaths>

#include <algorithm>
#include <utility>

namespace fxp::gui {

namespace {

constexpr auto kDemoTensor = "encoder.layers.1.linear1.activation";

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

void MainWindow::openFiles(const QStringList& files, const QString& labels, bool mayAsk) {
    if (const auto session = std::ranges::find_if(files, isSessionFile); session != files.end()) {
        openSession(*session);
        return;
    }
    model::OpenRequest request = model::withFiles({}, files);
    if (!labels.isEmpty())
        request.labels = QFileInfo(labels).absoluteFilePath();
    if (request.model.isEmpty() && !m_document.isOpen()) // weights alone, with no model that they could be for
        request.model = std::exchange(request.weights, {});
    if (request.model.isEmpty()) {
        openForTheModel(request);
        return;
    }
    if (mayAsk && request.samples.isEmpty()) {
        askToOpen(request);
        return;
    }
    // Without the dialog, which shows the split, all samples choose, as they do for fxp.
    model::OpenRequest direct = request;
    direct.heldOut = 0;
    open(direct, mayAsk ? std::optional(request) : std::nullopt);
}

/// Files for the model that is open.
void MainWindow::openForTheModel(const model::OpenRequest& request) {
    guarded([&] {
        if (!request.samples.isEmpty())
            m_document.openSamples(request.samples, request.labels);
        else if (!request.labels.isEmpty())
            m_document.openLabels(request.labels);
        if (!request.weights.isEmpty())
            m_document.loadWeights(request.weights);
        if (!request.qconfig.isEmpty()) {
            m_messages->hide();
            loadQConfig(request.qconfig);
        }
    });
}

/// Opens all that the request names. Where something is missing the Open dialog asks, filled with `asked`; without
/// that, the document fails.
void MainWindow::open(const model::OpenRequest& request, const std::optional<model::OpenRequest>& asked) {
    if (isSessionFile(request.model)) {
        openSession(request.model);
        return;
    }
    leave([this, request, asked] {
        m_document.openModel(
            request, [this] { onOpened(); },
            [this, asked](const model::Failure& failure) {
                if (asked && failure.incomplete)
                    askToOpen(*asked);
                else
                    Q_EMIT m_document.failed(failure.where, failure.problem, failure.hint);
            },
            false);
    });
}

void MainWindow::askToOpen(const model::OpenRequest& request, const std::function<void(bool)>& then) {
    if (!m_openDialog) {
        m_openDialog = new OpenDialog(
            m_document, [this](const std::function<void()>& open) { leave(open); }, this);
        connect(m_openDialog, &QDialog::finished, this, [this](int result) {
            const bool isOpen = result == QDialog::Accepted;
            if (const auto follow = std::exchange(m_afterDialog, {}))
                follow(isOpen);
            else if (isOpen)
                onOpened();
        });
    }
    if (m_openDialog->ask(request))
        m_afterDialog = then;
    else if (then)
        then(false);
}

void MainWindow::onOpened() {
    m_settings.setValue("folder", QFileInfo(m_document.request().model).absolutePath());
    updateTitle();
    const bool isFloat =
        std::ranges::all_of(m_document.formats(), [](const auto& format) { return format == quant::QType(); });
    if (!isFloat || m_document.model()->randomSamples)
        return;
    // What there is to know of the model stays before the offer.
    m_messages->alsoOffer(
        tr("Every tensor is float. Calibrate to give each a format from the values that it takes."), tr("Calibrate…"),
        [this] { m_calibrateDialog->trigger(); },
        [this] { return std::ranges::all_of(m_document.formats(), &quant::QType::isFloat); });
}

void MainWindow::openDemo() {
    guarded([this] {
        const Demo demo = unpackDemo(QStandardPaths::writableLocation(QStandardPaths::CacheLocation) + "/demo");
        model::OpenRequest request;
        request.model = demo.model;
        request.samples << demo.samples;
        request.labels = demo.labels;
        request.qconfig = demo.qconfig;
        m_document.openModel(request, [this] {
            updateTitle();
            m_selection.select(m_document.slotOf(kDemoTensor));
        });
    });
}

void MainWindow::chooseModel() {
    askToOpen({});
}

void MainWindow::chooseSamples() {
    const QStringList files =
        QFileDialog::getOpenFileNames(this, tr("Open samples"), m_settings.value("folder").toString(),
                                      tr("Samples (*.npz *.npy *.png *.jpg *.jpeg *.bmp *.ppm);;All files (*)"));
    if (!files.isEmpty())
        guarded([&] { m_document.openSamples(files); });
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
