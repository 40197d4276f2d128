#pragma once

#include <QApplication>
#include <QContextMenuEvent>
#include <QMenu>
#include <QTest>

namespace fxp::test {

/// Asks for the widget's context menu, by key or with the pointer; null when none opens.
inline QMenu* contextMenu(QWidget* widget, QContextMenuEvent::Reason reason, const QPoint& at) {
    QContextMenuEvent event(reason, at, widget->mapToGlobal(at));
    QApplication::sendEvent(widget, &event);
    return qobject_cast<QMenu*>(QApplication::activePopupWidget());
}

/// The entry whose text begins so, without & and keys, in the menu or one inside it; null when there is none.
inline QAction* entry(QMenu* menu, const QString& text) {
    for (QAction* action : menu->actions()) {
        if (action->text().remove('&').startsWith(text))
            return action;
        if (action->menu()) {
            if (QAction* inner = entry(action->menu(), text))
                return inner;
        }
    }
    return nullptr;
}

/// Chooses the entry as a click does, and closes the menu.
inline bool choose(QMenu* menu, const QString& text) {
    QAction* action = menu ? entry(menu, text) : nullptr;
    if (!action || !action->isEnabled())
        return false;
    if (menu->actions().contains(action))
        QTest::mouseClick(menu, Qt::LeftButton, {}, menu->actionGeometry(action).center());
    else
        action->trigger(); // in a menu inside
    if (QApplication::activePopupWidget())
        QApplication::activePopupWidget()->close();
    return true;
}

} // namespace fxp::test
