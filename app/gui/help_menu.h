#pragma once

class QAction;
class QMainWindow;
class QMenu;

#include <QList>

namespace fxp::gui {

/// Fills the menu with the manual (F1: at what concerns the pane that has the keys), the list of keys, and what the
/// numbers mean. The actions are also returned, for the field that finds actions.
QList<QAction*> buildHelp(QMainWindow& window, QMenu& menu);

} // namespace fxp::gui
