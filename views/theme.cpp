#include "views/theme.h"

#include <QString>

namespace fxp::views {

Theme::Theme(const QPalette& palette)
    : background(palette.color(QPalette::Base)), text(palette.color(QPalette::Text)),
      muted(palette.color(QPalette::PlaceholderText)), grid(palette.color(QPalette::Midlight)),
      accent(palette.color(QPalette::Highlight)), dark(background.lightness() < 128) {
    const auto blended = [this](const QColor& colour, qreal share) {
        return QColor::fromRgbF(static_cast<float>(colour.redF() * share + background.redF() * (1 - share)),
                                static_cast<float>(colour.greenF() * share + background.greenF() * (1 - share)),
                                static_cast<float>(colour.blueF() * share + background.blueF() * (1 - share)));
    };
    accentLight = blended(accent, 0.5);
    danger = dark ? QColor(0xF0, 0x6A, 0x6A) : QColor(0xC9, 0x2A, 0x2A);
    dangerLight = blended(danger, 0.5);
    dangerFaint = blended(danger, 0.08);
    lost = dark ? QColor(0x8A, 0x93, 0xA0) : QColor(0x9A, 0xA0, 0xA8);
    lostLight = blended(lost, 0.5);
    warningText = dark ? QColor(0xE0, 0xBB, 0x66) : QColor(0x8A, 0x62, 0x00);
    selected = blended(accent, dark ? 0.38 : 0.17);
    onAccent = dark ? palette.color(QPalette::Window) : Qt::white;
    warning = dark ? QColor(0xD9, 0xB2, 0x5A) : QColor(0xD6, 0xB8, 0x6B);
}

namespace {

QPalette palette(const QColor& window, const QColor& base, const QColor& text, const QColor& muted, const QColor& line,
                 const QColor& button, const QColor& accent) {
    QPalette p;
    p.setColor(QPalette::Window, window);
    p.setColor(QPalette::WindowText, text);
    p.setColor(QPalette::Base, base);
    p.setColor(QPalette::AlternateBase, window);
    p.setColor(QPalette::Text, text);
    p.setColor(QPalette::Button, button);
    p.setColor(QPalette::ButtonText, text);
    p.setColor(QPalette::BrightText, text);
    p.setColor(QPalette::PlaceholderText, muted);
    p.setColor(QPalette::Midlight, line);
    p.setColor(QPalette::Mid, line);
    p.setColor(QPalette::Light, base);
    p.setColor(QPalette::Dark, line);
    p.setColor(QPalette::Highlight, accent);
    p.setColor(QPalette::HighlightedText, Qt::white);
    p.setColor(QPalette::Link, accent);
    p.setColor(QPalette::ToolTipBase, base);
    p.setColor(QPalette::ToolTipText, text);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        p.setColor(QPalette::Disabled, role, muted);
    return p;
}

} // namespace

QPalette lightPalette() {
    return palette(QColor(0xF9, 0xFA, 0xFB), Qt::white, QColor(0x1C, 0x21, 0x28), QColor(0x66, 0x6F, 0x79),
                   QColor(0xDF, 0xE3, 0xE8), Qt::white, QColor(0x2F, 0x6B, 0xCC));
}

QPalette darkPalette() {
    return palette(QColor(0x1B, 0x1E, 0x23), QColor(0x22, 0x26, 0x2C), QColor(0xE4, 0xE7, 0xEB),
                   QColor(0x9A, 0xA3, 0xAE), QColor(0x3A, 0x40, 0x48), QColor(0x2A, 0x2F, 0x36),
                   QColor(0x6C, 0x9B, 0xEA));
}

QString styleSheet(const QPalette& p) {
    const Theme theme(p);
    const QColor side = theme.dark ? p.color(QPalette::Window) : QColor(0xF1, 0xF3, 0xF5);
    const auto tint = [&](const QColor& colour) { // opaque: messages lie over the panes
        const QColor& base = theme.background;
        const auto part = [](int a, int b) { return (a * 13 + b * 87) / 100; };
        return QColor(part(colour.red(), base.red()), part(colour.green(), base.green()),
                      part(colour.blue(), base.blue()))
            .name();
    };
    return QStringLiteral(R"(
        QToolBar { border: 0; border-bottom: 1px solid %1; spacing: 6px; padding: 6px 8px; background: %2; }
        QToolBar::separator { width: 1px; background: %1; margin: 4px 4px; }
        QToolButton { border: 1px solid %1; border-radius: 4px; padding: 4px 12px; background: %3; }
        QToolButton[popupMode="2"], QToolButton[popupMode="1"] { padding-right: 20px; }
        QToolButton:hover, QPushButton:hover, QToolButton:focus, QPushButton:focus { border-color: %4; }
        QToolButton:checked { background: %5; border-color: %4; color: %4; }
        QToolButton:disabled, QPushButton:disabled { color: %6; }
        QPushButton { border: 1px solid %1; border-radius: 4px; padding: 4px 10px; background: %3; }
        QPushButton:default { border-color: %4; }
        QLineEdit { border: 1px solid %1; border-radius: 4px; padding: 3px 8px; background: %7; min-height: 18px; }
        QLineEdit:focus { border-color: %4; }
        QTreeView, QListView { border: 0; background: %7; outline: 0; selection-background-color: %5; }
        QListView, QTreeView { selection-color: palette(text); }
        QTreeView::item { padding: 2px 0; }
        QListView#hits { border: 1px solid %4; padding: 4px; }
        QListView#hits::item { padding: 2px 4px; }
        QListView#hits::item:selected { background: %5; color: %11; }
        QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
        QHeaderView::section { border: 0; border-bottom: 1px solid %1; background: %7; padding: 4px 6px; color: %6; }
        QSplitter::handle { background: %1; }
        QMainWindow::separator { width: 3px; height: 3px; background: %1; }
        QMainWindow::separator:hover { background: %4; }
        QWidget#paneTitle { background: %7; }
        QToolButton#closePane { border: 0; padding: 0 4px; color: %6; background: transparent; }
        QToolButton#closePane:hover { color: %11; }
        QStatusBar { border-top: 1px solid %1; background: %2; }
        QStatusBar::item { border: 0; }
        QLabel#heading { font-weight: 600; }
        QLabel#muted { color: %6; }
        QLabel#danger { color: %8; font-weight: 600; }
        QFrame#rule { background: %1; max-height: 1px; border: 0; }
        QLabel#feedback { border: 1px solid %1; border-radius: 4px; padding: 2px 7px; background: %7; }
        QLabel#warning { color: %12; font-weight: 600; }
        QFrame#notice, QFrame#warning, QFrame#error { border-radius: 6px; }
        QFrame#notice { background: %5; border: 1px solid %4; }
        QFrame#warning { background: %13; border: 1px solid %12; }
        QFrame#error { background: %14; border: 1px solid %8; }
        QScrollArea { border: 0; background: %7; }
        QWidget#page { background: %7; }
        QWidget#side { background: %9; border-left: 1px solid %1; }
        QWidget#foot { background: %2; border-top: 1px solid %1; }
        QFrame#inputsHead, QFrame#inputRow { border: 0; border-bottom: 1px solid %1; }
        QFrame#inputRow[wrong="true"] { background: %10; }
        QLineEdit[wrong="true"], QComboBox[wrong="true"] { border: 2px solid %8; border-radius: 4px; }
        QFrame#dropArea { border: 1px dashed %6; border-radius: 4px; background: %7; }
        QFrame#dropArea[over="true"] { border-color: %4; background: %5; }
        QLabel#wrong { color: %8; }
        QLabel#dropOverlay { background: %7; border: 2px dashed %4; border-radius: 8px; padding: 24px; }
        QLabel#dropOverlay[refused="true"] { border-color: %8; }
        QPushButton#primary { background: %4; color: %15; border-color: %4; font-weight: 600; }
        QPushButton#primary:disabled { background: %9; color: %6; border-color: %1; }
        QPushButton#primary:focus { border-color: %11; }
        QToolButton#step { padding: 1px 7px; }
        QCheckBox::indicator { width: 13px; height: 13px; border: 1px solid %6; border-radius: 3px; background: %7; }
        QCheckBox::indicator:hover, QCheckBox::indicator:focus { border-color: %4; }
        QCheckBox::indicator:checked { background: %4; border-color: %4; image: url(:/icons/%16); }
        QCheckBox::indicator:disabled { border-color: %1; }
        QCheckBox::indicator:checked:disabled { background: %1; }
    )")
        .arg(p.color(QPalette::Mid).name(), p.color(QPalette::Window).name(), p.color(QPalette::Button).name(),
             theme.accent.name(), theme.selected.name(), theme.muted.name(), theme.background.name(),
             theme.danger.name(), side.name(), theme.dangerFaint.name(), theme.text.name(), theme.warningText.name(),
             tint(theme.warningText), tint(theme.danger), theme.onAccent.name(),
             theme.dark ? QStringLiteral("check-dark.svg") : QStringLiteral("check-light.svg"));
}

} // namespace fxp::views
