#include "app/gui/main_window.h"

#include "app/gui/calibrate_dialog.h"
#include "app/gui/demo.h"
#include "app/gui/message_strip.h"
#include "app/gui/open_dialog.h"
#include "app/gui/quick_find.h"
#include "app/gui/recovery.h"
#include "app/gui/status_line.h"
#include "model/files_beside.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_plot.h"
#include "views/plots/network_plot.h"
#include "views/plots/values_plot.h"
#include "views/samples/sample_browser.h"
#include "views/theme.h"

#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QInputDialog>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QScreen>
#include <QStandardPaths>
#include <QTreeView>

namespace fxp::gui {

namespace {

constexpr int kRecentFiles = 8;
constexpr double kGiB = 1073741824.0;
constexpr auto kDemoTensor = "encoder.layers.1.linear1.activation";

} // namespace

MainWindow::MainWindow()
    : m_messages(new MessageStrip), m_find(new QuickFind(m_document, m_selection)),
      m_status(new StatusLine(m_document)),
      m_recovery(new Recovery(m_document, QStandardPaths::writableLocation(QStandardPaths::AppDataLocation), this)) {
    setAcceptDrops(true);
    setWindowTitle(tr("FxP Workbench"));
    m_document.setMemory(static_cast<std::int64_t>(m_settings.value("memoryGiB", 1.0).toDouble() * kGiB));
    buildPanes();
    buildActions();
    buildToolBar();
    setStatusBar(m_status);
    connectDocument();
    applyTheme(m_settings.value("theme", "light").toString());
    resize(1440, 900);
    // Offscreen there is no screen to fit.
    const QSize screen = QGuiApplication::primaryScreen()->availableSize();
    if (QGuiApplication::platformName() != "offscreen")
        resize(size().expandedTo(screen * 2 / 3).boundedTo(screen - QSize(0, 24)));
    restoreGeometry(m_settings.value("geometry").toByteArray());
    updateRecent();
    updateActions();
}

MainWindow::~MainWindow() {
    m_document.disconnect(this);
}

void MainWindow::guarded(const std::function<void()>& does) {
    try {
        does();
    } catch (const std::exception&) {
        const model::Failure failure = model::currentFailure();
        m_messages->showError(failure.where, failure.problem, failure.hint);
    }
}

void MainWindow::connectDocument() {
    using model::Document;
    connect(&m_document, &Document::failed, m_messages, &MessageStrip::showError);
    connect(&m_document, &Document::notice, m_messages, &MessageStrip::showNotice);
    connect(&m_document, &Document::modelChanged, this, [this] {
        m_messages->hide();
        m_selection.set({}, -1);
        updateTitle();
        updateActions();
        for (int slot = 0; slot < m_document.slotCount(); ++slot) {
            if (!m_document.slotInfos()[static_cast<std::size_t>(slot)].absent) {
                m_selection.select(slot);
                break;
            }
        }
    });
    connect(&m_document, &Document::modifiedChanged, this, &MainWindow::updateTitle);
    connect(&m_document, &Document::busyChanged, this, &MainWindow::updateActions);
}

void MainWindow::openFiles(const QStringList& files, const QString& labels, bool mayAsk) {
    model::OpenRequest request = model::withFiles({}, files);
    if (!labels.isEmpty())
        request.labels = QFileInfo(labels).absoluteFilePath();
    if (request.model.isEmpty()) {
        guarded([&] {
            if (!request.samples.isEmpty())
                m_document.openSamples(request.samples, request.labels);
            if (!request.weights.isEmpty())
                m_document.loadWeights(request.weights);
            if (!request.qconfig.isEmpty()) {
                m_messages->hide();
                loadQConfig(request.qconfig);
            }
        });
        return;
    }
    if (mayAsk && request.samples.isEmpty()) {
        askToOpen(request);
        return;
    }
    if (!mayLeave())
        return;
    // Without the dialog, which shows the split, all samples choose, as they do for fxp.
    model::OpenRequest direct = request;
    direct.heldOut = 0;
    m_document.openModel(
        direct, [this] { onOpened(); },
        [this, request, mayAsk](const model::Failure& failure) {
            if (mayAsk && failure.incomplete)
                askToOpen(request);
            else
                Q_EMIT m_document.failed(failure.where, failure.problem, failure.hint);
        },
        false);
}

void MainWindow::askToOpen(const model::OpenRequest& request) {
    if (!m_openDialog) {
        m_openDialog = new OpenDialog(
            m_document, [this] { return mayLeave(); }, this);
        connect(m_openDialog, &OpenDialog::opened, this, &MainWindow::onOpened);
    }
    m_openDialog->ask(request);
}

void MainWindow::onOpened() {
    const model::OpenRequest request = m_document.request();
    remember(request.model);
    updateTitle();
    if (request.qconfig.isEmpty() && !m_document.model()->randomSamples && !m_document.isModified())
        m_messages->offer(tr("Every tensor is float. Calibrate to give each a format from the values that it takes."),
                          tr("Calibrate…"), [this] { m_calibrateDialog->trigger(); });
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

void MainWindow::offerRecovery() {
    const auto left = m_recovery->left();
    if (!left)
        return;
    m_messages->offer(tr("The program ended without saving the edits of %1.").arg(QFileInfo(left->model).fileName()),
                      tr("Take them back"), [this, left] {
                          m_document.openModel(left->model, left->inputs, {}, [this, left] {
                              guarded([&] { m_document.applyQConfig(left->qconfig, true, tr("Recovered edits")); });
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

void MainWindow::chooseMemory() {
    bool taken = false;
    const double gib = QInputDialog::getDouble(
        this, tr("Memory"), tr("GiB for tensors kept between runs.\nMore samples than fit cost time, not memory."),
        static_cast<double>(m_document.memory()) / kGiB, 0.1, 1024, 1, &taken);
    if (!taken)
        return;
    m_document.setMemory(static_cast<std::int64_t>(gib * kGiB));
    m_settings.setValue("memoryGiB", gib);
    m_messages->showNotice(tr("The next model that is opened is run within %1 GiB.").arg(gib));
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

bool MainWindow::save() {
    if (m_document.qconfigFile().isEmpty() ||
        m_document.qconfigFile().startsWith(QStandardPaths::writableLocation(QStandardPaths::CacheLocation)))
        return saveAs();
    bool done = false;
    guarded([&] {
        m_document.saveQConfig(m_document.qconfigFile());
        done = true;
    });
    updateTitle();
    return done;
}

bool MainWindow::saveAs() {
    const QString name = QString::fromStdString(m_document.model()->identity.name) + ".qconfig.json";
    const QString file = QFileDialog::getSaveFileName(
        this, tr("Save QConfig"), QDir(m_settings.value("folder").toString()).filePath(name), tr("QConfig (*.json)"));
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

bool MainWindow::mayLeave() {
    if (!m_document.isOpen() || !m_document.isModified())
        return true;
    QMessageBox box(QMessageBox::Question, tr("Unsaved formats"),
                    tr("The formats of %1 have edits that are not saved.")
                        .arg(QString::fromStdString(m_document.model()->identity.name)),
                    QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel, this);
    box.setInformativeText(tr("Save them?"));
    const int answer = box.exec();
    return answer == QMessageBox::Save ? save() : answer == QMessageBox::Discard;
}

void MainWindow::calibrate(quant::Method method) {
    quant::CalibrationOptions options;
    options.parameters = options.activations = method;
    m_document.calibrate({}, options);
}

void MainWindow::exportPlot(views::PlotWidget* plot, const QString& name) {
    const QString file = QFileDialog::getSaveFileName(this, tr("Export plot"), name + ".svg",
                                                      tr("SVG (*.svg);;PDF (*.pdf);;PNG (*.png);;CSV (*.csv)"));
    if (!file.isEmpty())
        guarded([&] { plot->exportTo(file); });
}

void MainWindow::remember(const QString& file) {
    QStringList recent = m_settings.value("recent").toStringList();
    const QString path = QFileInfo(file).absoluteFilePath();
    recent.removeAll(path);
    recent.prepend(path);
    m_settings.setValue("recent", QStringList(recent.mid(0, kRecentFiles)));
    m_settings.setValue("folder", QFileInfo(path).absolutePath());
    updateRecent();
}

void MainWindow::updateRecent() {
    m_recent->clear();
    for (const QString& file : m_settings.value("recent").toStringList())
        m_recent->addAction(QDir::toNativeSeparators(file), this, [this, file] { openFiles({file}); });
    m_recent->setEnabled(!m_recent->isEmpty());
}

void MainWindow::updateTitle() {
    if (!m_document.isOpen()) {
        setWindowTitle(tr("FxP Workbench"));
        return;
    }
    QString title = QString::fromStdString(m_document.model()->identity.name);
    if (!m_document.qconfigFile().isEmpty())
        title += " — " + QFileInfo(m_document.qconfigFile()).completeBaseName();
    setWindowTitle(title + (m_document.isModified() ? "*" : "") + " — " + tr("FxP Workbench"));
}

void MainWindow::updateActions() {
    const bool open = m_document.isOpen();
    for (QAction* action : {m_openSamples, m_openLabels, m_openQConfig, m_save, m_saveAs, m_run, m_calibrateDialog})
        action->setEnabled(open);
    for (QAction* action : m_exchange)
        action->setEnabled(open);
    m_exchange.back()->setEnabled(open &&
                                  (!m_document.model()->foldable.empty() || !m_document.model()->unfoldable.empty()));
    m_calibrateMenu->setEnabled(open);
    m_exportMenu->setEnabled(open);
    m_stop->setEnabled(m_document.isBusy());
}

void MainWindow::applyTheme(const QString& name) {
    const QPalette palette = name == "dark" ? views::darkPalette() : views::lightPalette();
    qApp->setPalette(palette);
    qApp->setStyleSheet(views::styleSheet(palette));
    m_settings.setValue("theme", name);
    for (QAction* choice : m_themes->actions())
        choice->setChecked(choice->data().toString() == name);
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (!mayLeave()) {
        event->ignore();
        return;
    }
    m_recovery->discard();
    m_document.cancel();
    m_settings.setValue("geometry", saveGeometry());
    event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    QStringList files;
    for (const QUrl& url : event->mimeData()->urls()) {
        if (url.isLocalFile())
            files << url.toLocalFile();
    }
    const model::OpenRequest dropped = model::withFiles({}, files);
    // What the open model takes as an edit needs no questions.
    if (dropped.model.isEmpty() && dropped.samples.isEmpty() && dropped.labels.isEmpty() && m_document.isOpen())
        openFiles(files);
    else
        askToOpen(model::withFiles(m_document.request(), files));
}

} // namespace fxp::gui
