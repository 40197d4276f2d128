#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QMainWindow>
#include <QSettings>

#include <functional>

class QActionGroup;
class QLabel;
class QMenu;

namespace fxp::views {
class BitPlot;
class LayerTreeView;
class NetworkPlot;
class PlotWidget;
class SampleBrowser;
class ValuesPlot;
} // namespace fxp::views

namespace fxp::gui {

class MessageStrip;
class OpenDialog;
class QuickFind;
class Recovery;
class StatusLine;

/// Menus, toolbar, panes: hands what the user does to the document, and shows what it says.
class MainWindow : public QMainWindow {
    Q_OBJECT
  public:
    MainWindow();
    ~MainWindow() override;

    model::Document& document() { return m_document; }
    views::Selection& selection() { return m_selection; }

    /// Opens what the files are: a model with its samples, labels, weights and formats, or some of them for the model
    /// that is open. Where something is missing the Open dialog asks, or, unless `mayAsk`, the document fails.
    void openFiles(const QStringList& files, const QString& labels = {}, bool mayAsk = true);
    /// Shows the Open dialog with the request filled in.
    void askToOpen(const model::OpenRequest& request);
    void openDemo();
    /// "light" or "dark"; kept in the settings.
    void applyTheme(const QString& name);
    /// Offers the edits back that a crash left behind.
    void offerRecovery();

  protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

  private:
    void buildPanes();
    void buildActions();
    void buildToolBar();
    QAction* action(const QString& text, const QKeySequence& key, const QString& tip,
                    const std::function<void()>& does);
    void connectDocument();

    void onOpened();
    void chooseModel();
    void chooseSamples();
    void chooseLabels();
    void chooseQConfig();
    void chooseMemory();
    // What is exchanged with training and with FxPyTorch: main_window_exchange.cpp.
    void buildExchangeActions();
    void chooseWeights();
    void saveWeights();
    void saveForFxPyTorch();
    void chooseLog();
    void foldBatchNorms();
    void finetune();
    QString chosenName(const QString& title, const QString& suffix, const QString& filter);
    void loadQConfig(const QString& file);
    bool save();
    bool saveAs();
    /// True when it is fine to leave the document: saved, discarded, or nothing to save.
    bool mayLeave();
    void calibrate(quant::Method method);
    void exportPlot(views::PlotWidget* plot, const QString& name);
    void remember(const QString& file);
    void updateRecent();
    void updateTitle();
    void updateActions();
    /// Runs an action; what it throws becomes a message.
    void guarded(const std::function<void()>& does);

    model::Document m_document;
    views::Selection m_selection;
    QSettings m_settings;
    MessageStrip* m_messages;
    OpenDialog* m_openDialog = nullptr; ///< made when it is first needed
    QuickFind* m_find;
    StatusLine* m_status;
    Recovery* m_recovery;
    views::LayerTreeView* m_tree = nullptr;
    views::BitPlot* m_bits = nullptr;
    views::ValuesPlot* m_values = nullptr;
    views::NetworkPlot* m_network = nullptr;
    views::SampleBrowser* m_samples = nullptr;
    QLabel* m_title = nullptr;
    QLabel* m_subtitle = nullptr;
    QActionGroup* m_themes = nullptr;
    QMenu *m_recent = nullptr, *m_calibrateMenu = nullptr, *m_exportMenu = nullptr;
    QAction *m_open, *m_openSamples, *m_openLabels, *m_openQConfig, *m_save, *m_saveAs, *m_run, *m_stop, *m_live,
        *m_undo, *m_redo, *m_calibrateDialog;
    QList<QAction*> m_exchange; ///< open weights, save them, save for FxPyTorch, compare with a log, fine-tune, fold
};

} // namespace fxp::gui
