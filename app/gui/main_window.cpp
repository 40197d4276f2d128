#include "app/gui/main_window.h"

#include "app/gui/calibrate_dialog.h"
#include "app/gui/drop_overlay.h"
#include "app/gui/icons.h"
#include "app/gui/layouts.h"
#include "app/gui/message_strip.h"
#include "app/gui/pane_keys.h"
#include "app/gui/quick_find.h"
#include "app/gui/recent_files.h"
#include "app/gui/recovery.h"
#include "app/gui/status_line.h"
#include "app/gui/themes.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_plot.h"
#include "views/plots/network_plot.h"
#include "views/plots/values_plot.h"
#include "views/samples/sample_browser.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QGuiApplication>
#include <QInputDialog>
#include <QMenu>
#include <QScreen>
#include <QStandardPaths>
#include <QTreeView>

#include <algorithm>

namespace fxp::gui {

namespace {

constexpr double kGiB = 1073741824.0;
constexpr int kTitleBar = 24; ///< what the frame takes before it is known

} // namespace

MainWindow::MainWindow(std::unique_ptr<ColourScheme> desktop)
    : m_messages(new MessageStrip), m_find(new QuickFind(m_document, m_selection)),
      m_status(new StatusLine(m_document)),
      m_recovery(new Recovery(
          m_document, QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + "/unsaved",
          [this](const auto& request, const auto& then) { askToOpen(request, then); }, this)),
      m_themes(new Themes(m_settings, std::move(desktop), this)) {
    setAcceptDrops(true);
    setWindowTitle(tr("FxP Workbench"));
    m_document.setMemory(static_cast<std::int64_t>(m_settings.value("memoryGiB", 1.0).toDouble() * kGiB));
    buildPanes();
    buildActions();
    buildToolBar();
    buildPaneKeys(*this);
    new DropOverlay(*this, m_document);
    useProgramIcon();
    giveIcons({{m_open, "document-open", QStyle::SP_DialogOpenButton},
               {m_save, "document-save", QStyle::SP_DialogSaveButton},
               {m_undo, "edit-undo", QStyle::SP_ArrowBack},
               {m_redo, "edit-redo", QStyle::SP_ArrowForward},
               {m_run, "media-playback-start", QStyle::SP_MediaPlay},
               {m_stop, "process-stop", QStyle::SP_MediaStop}});
    setStatusBar(m_status);
    connectDocument();
    resize(1440, 900);
    // Offscreen there is no screen to fit.
    const QSize screen = QGuiApplication::primaryScreen()->availableSize();
    if (QGuiApplication::platformName() != "offscreen")
        resize(size().expandedTo(screen * 2 / 3));
    restoreGeometry(m_settings.value("geometry").toByteArray());
    fitToScreen();
    m_layouts->restore();
    updateActions();
}

MainWindow::~MainWindow() {
    m_document.disconnect(this);
    delete m_recovery; // it writes what the document holds
}

void MainWindow::fitToScreen() {
    if (QGuiApplication::platformName() != "offscreen")
        fitTo(screen()->availableGeometry());
}

void MainWindow::fitTo(const QRect& available) {
    if (isMaximized() || isFullScreen())
        return;
    const QSize frame = (frameGeometry().size() - size()).expandedTo(QSize(0, kTitleBar));
    QRect fitted(pos(), size().boundedTo(available.size() - frame));
    const QRect outer(fitted.topLeft(), fitted.size() + frame);
    fitted.translate(std::min(0, available.right() - outer.right()), std::min(0, available.bottom() - outer.bottom()));
    fitted.translate(std::max(0, available.left() - fitted.left()), std::max(0, available.top() - fitted.top()));
    move(fitted.topLeft());
    resize(fitted.size());
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
    m_messages->follow(m_document);
    connect(&m_document, &Document::modelChanged, this, [this] {
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
    connect(&m_selection, &views::Selection::changed, this, [this] { m_document.setFirst(m_selection.current()); });
    connect(&m_document, &Document::modifiedChanged, this, &MainWindow::updateTitle);
    connect(&m_document, &Document::saved, this, &MainWindow::updateTitle);
    for (const auto signal :
         {&Document::modelChanged, &Document::samplesChanged, &Document::weightsChanged, &Document::saved})
        connect(&m_document, signal, this, &MainWindow::remember);
    connect(m_recentFiles, &RecentFiles::chosen, this, [this](const auto& request) { open(request, request); });
    connect(m_recovery, &Recovery::told, m_messages, [this](const QString& text) { m_messages->showNotice(text); });
    connect(&m_recovery->journal(), &model::JournalKeeper::failed, m_messages,
            [this](const QString& where, const QString& problem, const QString& hint) {
                m_messages->showError(where, problem, hint);
            });
    connect(&m_document, &Document::busyChanged, this, &MainWindow::updateActions);
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

void MainWindow::updateTitle() {
    if (!m_document.isOpen()) {
        setWindowTitle(tr("FxP Workbench"));
        return;
    }
    QString title = QString::fromStdString(m_document.model()->identity.name);
    if (!m_sessionFile.isEmpty())
        title += " — " + QFileInfo(m_sessionFile).fileName();
    else if (!m_document.qconfigFile().isEmpty())
        title += " — " + QFileInfo(m_document.qconfigFile()).completeBaseName();
    setWindowTitle(title + (m_document.isModified() ? "*" : "") + " — " + tr("FxP Workbench"));
}

void MainWindow::updateActions() {
    const bool open = m_document.isOpen();
    for (QAction* action : {m_openSamples, m_openLabels, m_openQConfig, m_save, m_saveAs, m_saveSession,
                            m_saveSessionAs, m_run, m_calibrateDialog})
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
    m_themes->choose(name);
}

} // namespace fxp::gui
