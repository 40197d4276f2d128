#pragma once

#include <QList>
#include <QObject>
#include <QSettings>

#include <map>
#include <utility>
#include <vector>

class QAction;
class QActionGroup;
class QDockWidget;
class QMainWindow;
class QMenu;
class QSplitter;

namespace fxp::gui {

/// Where the panes stand: docks around a splitter of plots, in three named layouts. Each is kept as the user leaves it,
/// in the settings under the version of the set of panes, and can be put back to how it was made.
class Layouts : public QObject {
    Q_OBJECT
  public:
    struct Panes {
        QDockWidget *tree, *inspector, *samples;
        QSplitter* plots; ///< bits, values, along the network; the last two can be hidden
    };
    Layouts(QMainWindow& window, const Panes& panes, QSettings& settings);

    /// Adds the choice of layouts, what shows and hides each pane, and the reset.
    void addTo(QMenu& menu);
    /// "explore", "compare" or "review".
    QString current() const { return m_current; }
    void choose(const QString& name);
    /// Puts the current layout back to how it was made.
    void reset();
    /// Shows the layout that was last used, as it was left.
    void restore();
    /// Keeps the current layout in the settings.
    void store();

    /// The arrangement by parts, for a session file.
    std::map<QString, QByteArray> state() const;
    /// Shows an arrangement; one that is of another version, or that cannot be read, changes nothing.
    void show(const std::map<QString, QByteArray>& state);

  private:
    void arrange(const QString& name);
    void showStored();
    void select(const QString& name);

    QMainWindow& m_window;
    Panes m_panes;
    QSettings& m_settings;
    QActionGroup* m_choices;
    QString m_current = "explore";
    std::vector<std::pair<QWidget*, QAction*>> m_toggles; ///< of the plots below the first
};

} // namespace fxp::gui
