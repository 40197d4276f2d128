#include "app/gui/colour_scheme.h"

#include <QApplication>
#include <QEvent>
#include <QPalette>

namespace fxp::gui {

bool isDark(const QPalette& palette) {
    return palette.color(QPalette::WindowText).lightness() > palette.color(QPalette::Window).lightness();
}

PaletteScheme::PaletteScheme(QObject* parent) : ColourScheme(parent) {
    m_dark = gui::isDark(platformPalette());
    qApp->installEventFilter(this);
}

void PaletteScheme::setOwn(const QPalette& palette, const QString& styleSheet) {
    m_own = true;
    if (palette != QApplication::palette())
        qApp->setPalette(palette);
    if (styleSheet != qApp->styleSheet())
        qApp->setStyleSheet(styleSheet);
    m_own = false;
}

/// The program's palette hides the platform's; an application without one of its own has that.
QPalette PaletteScheme::platformPalette() {
    const QPalette own = QApplication::palette();
    setOwn(QPalette(), qApp->styleSheet());
    const QPalette platform = QApplication::palette();
    setOwn(own, qApp->styleSheet());
    return platform;
}

bool PaletteScheme::eventFilter(QObject* watched, QEvent* event) {
    if (m_own)
        return false;
    if (event->type() == QEvent::ApplicationPaletteChange && watched == qApp)
        read(QApplication::palette());
    else if (event->type() == QEvent::ThemeChange && watched->isWindowType())
        read(platformPalette());
    return false;
}

void PaletteScheme::read(const QPalette& palette) {
    m_dark = gui::isDark(palette);
    Q_EMIT changed(); // also where it is the same: the program's palette may have been replaced
}

} // namespace fxp::gui
