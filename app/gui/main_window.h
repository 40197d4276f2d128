#pragma once

#include "app/gui/colour_scheme.h"
#include "app/gui/settings.h"
#include "model/document.h"
#include "model/session_file.h"
#include "views/selection.h"

#include <QMainWindow>

#include <functional>
#include <memory>
#include <optional>

class QMenu;

namespace fxp::views {
class BitPlot;
class ElidedLabel;
class LayerTreeView;
class NetworkPlot;
class PlotWidget;
class SampleBrowser;
class ValuesPlot;
} // namespace fxp::views

namespace fxp::gui {

class Layouts;
class MessageStrip;
class OpenDialog;
class QuickFind;
class RecentFiles;
class Recovery;
class StatusLine;
class Themes;

/// Menus, toolbar, panes: hands what the user does to the document, and shows what it says.
class MainWindow : public QMainWindow {
    Q_OBJECT
  public:
    /// `desktop` says whether the desktop is light or dark, for those who follow it; null: its portal.
    explicit MainWindow(std::unique_ptr<ColourScheme> desktop = nullptr);
    ~MainWindow() override;

    model::Document& document() { return m_document; }
    views::Selection& selection() { return m_selection; }

    /// Offers what a crash left behind, and then opens the files, or what is opened at start where there are none.
    void start(QStringList files, const QString& labels = {});
    /// Opens what the files are: a session, or a model with its samples, labels, weights and formats, or some of them
    /// for the model that is open. Where something is missing the Open dialog asks, or, unless `mayAsk`, the document
    /// fails.
    void openFiles(const QStringList& files, const QString& labels = {}, bool mayAsk = true);
    /// Shows the Open dialog with the request filled in. `then` is called when it is answered, with true once all is
    /// open; it does then what is usually done after opening.
    void askToOpen(const model::OpenRequest& request, const std::function<void(bool)>& then = {});
    void openDemo();
    /// "light", "dark" or "system"; kept in the settings.
    void applyTheme(const QString& name);
    /// Makes the window, where it is larger, as large as that part of the screen, and moves it there.
    void fitTo(const QRect& available);

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
    /// A menu in `of`, or one of the window's where that is null.
    QMenu* submenu(QMenu* of, const QString& text, const QString& tip);
    void connectDocument();

    // Opening and recent files: main_window_files.cpp.
    void openAtStart();
    void open(const model::OpenRequest& request, const std::optional<model::OpenRequest>& asked);
    void openForTheModel(const model::OpenRequest& request);
    void onOpened();
    void offerRecovery();
    void chooseModel();
    void chooseSamples();
    void chooseLabels();
    void chooseQConfig();
    void loadQConfig(const QString& file);
    void remember();
    // main_window_drop.cpp
    void askAboutWeights(const QString& file, const QPoint& at);
    // main_window_saving.cpp
    void save(const std::function<void()>& then = {});
    void saveAs();
    bool saveQConfig(QString file);
    void leave(const std::function<void()>& then);
    // main_window_session.cpp
    void buildSessionActions();
    void chooseSession();
    void openSession(const QString& file);
    void checkSession(const QString& file, const model::SessionFile& session);
    void showSession(const QString& file, const model::SessionFile& session);
    void openWhole(const QString& file, const model::SessionFile& session);
    void restoreLayout(const model::SessionFile& session);
    void fitToScreen();
    model::SessionFile currentSession() const;
    void saveSession(QString file);
    void writeSession(const QString& file);
    void onSessionIsAt(const QString& file);
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
    void calibrate(quant::Method method);
    void exportPlot(views::PlotWidget* plot, const QString& name);
    void updateTitle();
    void updateActions();
    /// Runs an action; what it throws becomes a message.
    void guarded(const std::function<void()>& does);

    model::Document m_document;
    views::Selection m_selection;
    Settings m_settings;
    MessageStrip* m_messages;
    OpenDialog* m_openDialog = nullptr; ///< made when it is first needed
    std::function<void(bool)> m_afterDialog;
    QuickFind* m_find;
    StatusLine* m_status;
    Recovery* m_recovery;
    RecentFiles* m_recentFiles = nullptr;
    Layouts* m_layouts = nullptr;
    QString m_sessionFile; ///< empty: what is open is in no session
    QJsonArray m_sessionRuns;
    bool m_closing = false; ///< the user has agreed
    views::LayerTreeView* m_tree = nullptr;
    views::BitPlot* m_bits = nullptr;
    views::ValuesPlot* m_values = nullptr;
    views::NetworkPlot* m_network = nullptr;
    views::SampleBrowser* m_samples = nullptr;
    views::ElidedLabel *m_title = nullptr, *m_subtitle = nullptr;
    Themes* m_themes;
    QMenu *m_calibrateMenu = nullptr, *m_exportMenu = nullptr;
    QAction *m_open, *m_openSamples, *m_openLabels, *m_openQConfig, *m_save, *m_saveAs, *m_run, *m_stop, *m_live,
        *m_undo, *m_redo, *m_calibrateDialog, *m_openSession, *m_saveSession, *m_saveSessionAs, *m_reopenSession;
    QList<QAction*> m_exchange; ///< open weights, save them, save for FxPyTorch, compare with a log, fine-tune, export
                                ///< memory images, fold
};

} // namespace fxp::gui
