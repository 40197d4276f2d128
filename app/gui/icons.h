#pragma once

#include <QIcon>
#include <QList>
#include <QStyle>

#include <utility>

class QAction;

namespace fxp::gui {

/// The platform's icon of that name, or else the style's, in grey: colour is for what is wrong or selected.
QIcon platformIcon(const QString& name, QStyle::StandardPixmap otherwise);

/// What the menus' best-known entries look like.
struct IconOf {
    QAction* action;
    const char* name; ///< of the icon theme
    QStyle::StandardPixmap otherwise;
};
void giveIcons(const QList<IconOf>& icons);

/// The program's own icon: of the window, and of every dialog that has none.
void useProgramIcon();

} // namespace fxp::gui
