#pragma once

#include <QColor>
#include <QPalette>

namespace fxp::views {

/// The few colours that carry meaning, taken from the palette so that both themes work: colour is spent on what is
/// selected or wrong, and never carries meaning alone.
struct Theme {
    explicit Theme(const QPalette& palette);

    QColor background, text, muted, grid;
    QColor accent, accentLight; ///< values in range; negative ones lighter
    QColor danger, dangerLight; ///< overflow, and what is wrong or missing
    QColor dangerFaint;         ///< behind a field that is wrong
    QColor lost, lostLight;     ///< below one LSB
    QColor warning;             ///< weak
    QColor warningText;         ///< the same, dark enough to read
    QColor selected;            ///< behind selected rows
    QColor onAccent;            ///< text and ticks on the accent
    bool dark;
};

/// A palette for the whole program.
QPalette lightPalette();
QPalette darkPalette();

/// The style sheet that goes with either: spacing, borders, headings.
QString styleSheet(const QPalette& palette);

} // namespace fxp::views
