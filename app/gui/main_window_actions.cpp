#include "app/gui/main_window.h"

#include "app/gui/calibrate_dialog.h"
#include "app/gui/help_menu.h"
#include "app/gui/layouts.h"
#include "app/gui/quick_find.h"
#include "app/gui/recent_files.h"
#include "app/gui/themes.h"
#include "quant/core/version.h"
#include "views/plots/bit_plot.h"
#include "views/plots/network_plot.h"
#include "views/plots/values_plot.h"

#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QToolBar>
#include <QToolButton>

#include <tuple>

namespace fxp::gui {

QAction* MainWindow::action(const QString& text, const QKeySequence& key, const QString& tip,
                            const std::function<void()>& does) {
    auto* made = new QAction(text, this);
    made->setShortcut(key);
    made->setStatusTip(tip);
    made->setToolTip(key.isEmpty() ? tip : tip + " (" + key.toString(QKeySequence::NativeText) + ")");
    connect(made, &QAction::triggered, this, [this, does] { guarded(does); });
    addAction(made);
    return made;
}

QMenu* MainWindow::submenu(QMenu* of, const QString& text, const QString& tip) {
    auto* made = of ? of->addMenu(text) : new QMenu(text, this);
    made->menuAction()->setStatusTip(tip);
    made->menuAction()->setToolTip(tip);
    return made;
}

void MainWindow::buildActions() {
    m_open = action(tr("&Open model…"), QKeySequence::Open, tr("Open a model with its samples, labels and formats"),
                    [this] { chooseModel(); });
    m_openSamples = action(tr("Open &samples…"), QKeySequence("Ctrl+I"), tr("Open inputs: .npz, .npy or images"),
                           [this] { chooseSamples(); });
    m_openLabels = action(tr("Open &labels…"), {}, tr("Open one class per sample"), [this] { chooseLabels(); });
    m_openQConfig = action(tr("Open &QConfig…"), QKeySequence("Ctrl+Shift+O"), tr("Take formats from a file"),
                           [this] { chooseQConfig(); });
    m_save = action(tr("&Save"), QKeySequence::Save, tr("Save all that is unsaved: the formats, the weights"),
                    [this] { save(); });
    m_saveAs = action(tr("Save QConfig &as…"), QKeySequence("Ctrl+Shift+S"), tr("Save the formats in another file"),
                      [this] { saveAs(); });
    QAction* demo =
        action(tr("Open &demo"), {}, tr("Open the built-in digits network"), [this] { leave([this] { openDemo(); }); });
    QAction* recover =
        action(tr("Recove&r unsaved work…"), {}, tr("Take up edits that were not saved before the program ended"),
               [this] { offerRecovery(); });
    buildSessionActions();
    QAction* quit = action(tr("&Quit"), QKeySequence::Quit, tr("Leave the program"), [this] { close(); });
    m_undo = m_document.undoStack()->createUndoAction(this, tr("&Undo"));
    m_undo->setShortcut(QKeySequence::Undo);
    m_undo->setIconText(tr("Undo"));
    m_redo = m_document.undoStack()->createRedoAction(this, tr("&Redo"));
    m_redo->setShortcut(QKeySequence::Redo);
    m_redo->setIconText(tr("Redo"));
    const auto tell = [](QAction* action, const QString& does, const QString& edit) {
        const QString tip = edit.isEmpty() ? does : does + ": " + edit;
        action->setStatusTip(tip);
        action->setToolTip(tip + " (" + action->shortcut().toString(QKeySequence::NativeText) + ")");
    };
    const auto tellUndo = [this, tell](const QString& edit) { tell(m_undo, tr("Take the last edit back"), edit); };
    const auto tellRedo = [this, tell](const QString& edit) {
        tell(m_redo, tr("Make the edit again that was taken back"), edit);
    };
    tellUndo({});
    tellRedo({});
    connect(m_document.undoStack(), &QUndoStack::undoTextChanged, this, tellUndo);
    connect(m_document.undoStack(), &QUndoStack::redoTextChanged, this, tellRedo);
    m_run = action(tr("&Run"), QKeySequence("F5"), tr("Run the quantized model with the formats shown"),
                   [this] { m_document.run(); });
    m_stop = action(tr("&Stop"), QKeySequence("Esc"), tr("Stop what is under way"), [this] { m_document.cancel(); });
    m_live = action(tr("&Live"), QKeySequence("Ctrl+L"), tr("Run after every edit"), [] {});
    m_live->setCheckable(true);
    m_live->setChecked(true);
    connect(m_live, &QAction::toggled, &m_document, &model::Document::setLive);
    m_calibrateDialog =
        action(tr("&Calibrate…"), QKeySequence("Ctrl+B"), tr("Choose bits and method for many tensors"), [this] {
            CalibrateDialog dialog(static_cast<int>(m_selection.slotList().size()), this);
            if (dialog.exec() == QDialog::Accepted)
                m_document.calibrate(dialog.bits(), dialog.options(),
                                     dialog.selectedOnly() ? m_selection.slotList() : std::vector<int>());
        });
    QAction* find =
        action(tr("&Go to tensor or action"), QKeySequence("Ctrl+K"), tr("Find by a part of the name"), [this] {
            m_find->setFocus();
            m_find->selectAll();
        });

    buildExchangeActions();
    m_calibrateMenu = submenu(nullptr, tr("&Calibrate"), tr("Choose all formats from the values of the samples"));
    for (const auto& [method, text, tip] :
         {std::tuple{quant::Method::NoOverflow, tr("8 bits, no overflow"),
                     tr("8 bits everywhere, biases 16: the most fraction bits with which no value overflows")},
          {quant::Method::MinMse, tr("8 bits, min MSE"),
           tr("8 bits everywhere, biases 16: the binary points of the least error; a few values may overflow")},
          {quant::Method::HighPrecision, tr("High precision"),
           tr("24 fraction bits everywhere, and as many integer bits as the values need")}})
        m_calibrateMenu->addAction(action(text, {}, tip, [this, method = method] { calibrate(method); }));
    m_calibrateMenu->addSeparator();
    m_calibrateMenu->addAction(m_calibrateDialog);
    m_exportMenu = submenu(nullptr, tr("&Export"), tr("Write formats, weights, integers or plots into files"));
    m_exportMenu->addActions({m_saveAs, m_exchange[2], m_exchange[1], m_exchange[5]});
    m_exportMenu->addSeparator();
    for (const auto& [plot, name, text] :
         {std::tuple{static_cast<views::PlotWidget*>(m_bits), "bits", tr("Bits plot…")},
          {static_cast<views::PlotWidget*>(m_values), "values", tr("Values plot…")},
          {static_cast<views::PlotWidget*>(m_network), "network", tr("Network plot…")}})
        m_exportMenu->addAction(action(text, {},
                                       tr("Write the plot as it is shown: picture (SVG, PDF, PNG) or numbers (CSV)"),
                                       [this, plot = plot, name = QString(name)] { exportPlot(plot, name); }));

    QMenu* file = menuBar()->addMenu(tr("&File"));
    file->addActions({m_open, m_openSamples, m_openLabels, m_openQConfig, m_exchange[0]});
    m_recentFiles = new RecentFiles(
        m_settings, submenu(file, tr("Open &recent"), tr("Models opened before, with all that was opened with them")),
        this);
    file->addActions({demo, recover});
    file->addSeparator();
    file->addActions({m_save, m_saveAs});
    file->addSeparator();
    file->addActions({m_openSession, m_saveSession, m_saveSessionAs, m_reopenSession});
    file->addSeparator();
    file->addMenu(m_exportMenu);
    file->addSeparator();
    file->addAction(quit);
    menuBar()->addMenu(tr("&Edit"))->addActions({m_undo, m_redo, find});
    QMenu* model = menuBar()->addMenu(tr("&Model"));
    model->addMenu(m_calibrateMenu);
    model->addActions({m_exchange[6], m_exchange[4], m_exchange[3]});
    QAction* memory =
        action(tr("&Memory…"), {}, tr("Memory for tensors kept between runs"), [this] { chooseMemory(); });
    menuBar()->addMenu(tr("&Run"))->addActions({m_run, m_stop, m_live, memory});
    QMenu* view = menuBar()->addMenu(tr("&View"));
    m_layouts->addTo(*view);
    view->addSeparator();
    submenu(view, tr("&Theme"), tr("Light, dark, or as the desktop is"))->addActions(m_themes->actions());
    QAction* about = action(tr("&About"), {}, tr("Version and libraries"), [this] {
        QMessageBox::about(
            this, tr("FxP Workbench"),
            tr("<b>FxP Workbench %1</b><p>Fixed-point formats of neural networks, tensor by tensor.<p>Built on Qt %2, "
               "LibTorch, QCustomPlot and Highway. MIT licence; the demo's data: UCI handwritten digits, CC BY 4.0.")
                .arg(QString::fromLatin1(programVersion().data()), QT_VERSION_STR));
    });
    QMenu* help = menuBar()->addMenu(tr("&Help"));
    const QList<QAction*> pages = buildHelp(*this, *help);
    help->addAction(about);
    m_find->setActions(m_exchange + pages + m_themes->actions() +
                       QList<QAction*>{m_open, m_openSamples, m_openLabels, m_openQConfig, demo, m_save, m_saveAs,
                                       m_openSession, m_saveSession, recover, m_run, m_stop, m_live, m_undo, m_redo,
                                       m_calibrateDialog, memory, about});
}

void MainWindow::buildToolBar() {
    QToolBar* bar = addToolBar(tr("Main"));
    bar->setObjectName("main");
    bar->setMovable(false);
    bar->setToolButtonStyle(Qt::ToolButtonTextOnly);
    m_open->setIconText(tr("Open"));
    m_openSamples->setIconText(tr("Samples"));
    bar->addActions({m_open, m_openSamples});
    bar->addSeparator();
    const auto addMenu = [bar](QMenu* menu, const QString& text) {
        auto* button = new QToolButton;
        button->setText(text);
        button->setToolTip(menu->menuAction()->toolTip());
        button->setMenu(menu);
        button->setPopupMode(QToolButton::InstantPopup);
        bar->addWidget(button);
    };
    addMenu(m_calibrateMenu, tr("Calibrate"));
    bar->addActions({m_run, m_stop, m_live});
    bar->addSeparator();
    bar->addActions({m_undo, m_redo});
    bar->addSeparator();
    addMenu(m_exportMenu, tr("Export"));
    // Undo actions name their edit in menus; on the toolbar the button must not change its width with it.
    for (QAction* named : {m_undo, m_redo})
        static_cast<QToolButton*>(bar->widgetForAction(named))->setMinimumWidth(0);
    auto* space = new QWidget;
    space->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    bar->addWidget(space);
    bar->addWidget(m_find);
}

} // namespace fxp::gui
