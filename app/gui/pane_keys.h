#pragma once

#include <QList>
#include <QObject>
#include <QPointer>
#include <QString>
#include <QWidget>

class QAction;
class QMainWindow;

namespace fxp::gui {

/// The window without a mouse: F6 and Shift+F6 go from pane to pane, Tab from control to control in reading order,
/// Shift+F10 asks for the context menu of what has the focus. The pane that keys have led to has a frame.
class PaneKeys : public QObject {
    Q_OBJECT
  public:
    struct Pane {
        QString name;
        QPointer<QWidget> area; ///< what is framed
        QWidget* first;         ///< where F6 goes to, if it can have the focus; else to the first of those that can
        QList<QWidget*> inside; ///< its controls in reading order
    };
    PaneKeys(QMainWindow& window, const QList<Pane>& panes);

    /// F6, Shift+F6, Shift+F10.
    const QList<QAction*>& actions() const { return m_actions; }
    /// The framed pane's name; empty when none is.
    QString framed() const;

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    struct Place {
        Pane pane;
        QPointer<QWidget> last; ///< where the focus was in it
    };
    QAction* add(const QString& text, const QKeySequence& key, const QString& tip, void (PaneKeys::*does)());
    void next() { go(1); }
    void previous() { go(-1); }
    void askForMenu();
    void go(int direction);
    qsizetype placeOf(const QWidget* widget) const;
    void onFocusChanged(QWidget* now);
    void orderTabs();

    QMainWindow& m_window;
    QList<Place> m_places;
    QList<QAction*> m_actions;
    QPointer<QWidget> m_frame; ///< over the pane that is framed
    bool m_byKey = false;      ///< the focus was moved by a key last
};

/// Names the panes of the window, and lets keys go through them. Called once all of them are there.
PaneKeys* buildPaneKeys(QMainWindow& window);

} // namespace fxp::gui
