#include "app/gui/icons.h"

#include <QAction>
#include <QApplication>
#include <QImage>

namespace fxp::gui {

QIcon platformIcon(const QString& name, QStyle::StandardPixmap otherwise) {
    if (QIcon::hasThemeIcon(name))
        return QIcon::fromTheme(name);
    const QIcon coloured = QApplication::style()->standardIcon(otherwise);
    QIcon icon;
    for (const int size : {16, 24, 32}) {
        QImage image = coloured.pixmap(size).toImage().convertToFormat(QImage::Format_ARGB32);
        for (int y = 0; y < image.height(); ++y) {
            auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
            for (int x = 0; x < image.width(); ++x)
                line[x] = qRgba(qGray(line[x]), qGray(line[x]), qGray(line[x]), qAlpha(line[x]));
        }
        icon.addPixmap(QPixmap::fromImage(image));
    }
    return icon;
}

void giveIcons(const QList<IconOf>& icons) {
    for (const IconOf& icon : icons) {
        icon.action->setIcon(platformIcon(icon.name, icon.otherwise));
        icon.action->setIconVisibleInMenu(true);
    }
}

void useProgramIcon() {
    QApplication::setWindowIcon(QIcon(":/icons/fxp-workbench.svg"));
}

} // namespace fxp::gui
