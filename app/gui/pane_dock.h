#pragma once

#include <QDockWidget>

namespace fxp::gui {

/// A pane that can be moved, floated and hidden. Its title bar is the heading that the pane has anyway, so that a pane
/// looks like a part of the window, and not like a window of its own.
class PaneDock : public QDockWidget {
    Q_OBJECT
  public:
    /// `name` identifies the dock in saved layouts; `title` is what menus call it. `heading` belongs to the pane and
    /// moves into the title bar.
    PaneDock(const QString& name, const QString& title, QWidget* pane, QWidget* heading);
};

} // namespace fxp::gui
