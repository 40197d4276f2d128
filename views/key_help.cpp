#include "views/key_help.h"

#include <QCoreApplication>

namespace fxp::views {

namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("fxp::views::KeyHelp", text);
}

} // namespace

QList<KeyHelp> widgetKeys() {
    const QString word = tr("The word"), plots = tr("Plots"), strip = tr("Along the network"),
                  table = tr("SQNR by format"), tree = tr("Layers"), filter = tr("Filter");
    return {{word, tr("←, →"), tr("Slide the word; the bits stay")},
            {word, tr("Shift+←, Shift+→"), tr("Take or add a bit at the right end")},
            {word, tr("Ctrl+←, Ctrl+→"), tr("Add or take a bit at the left end")},
            {plots, tr("←, →"), tr("Pan")},
            {plots, tr("+, −"), tr("Zoom in, out")},
            {plots, "0", tr("The whole data in view")},
            {plots, "L", tr("Logarithmic or linear axis")},
            {plots, "Ctrl+C", tr("Copy the picture, and its numbers as text")},
            {strip, tr("←, →"), tr("Select the tensor before, the next one")},
            {strip, tr("Home, End"), tr("Select the first, the last")},
            {table, tr("Arrows, Home, End"), tr("Move the cursor")},
            {table, tr("Enter, Space"), tr("Take the cursor's format")},
            {table, "Ctrl+C", tr("Copy the table as text")},
            {tree, tr("↑, ↓"), tr("Select the row above, below; with Shift several")},
            {tree, tr("←, →"), tr("Fold, unfold; * unfolds all below")},
            {tree, tr("Ctrl+C, Ctrl+V"), tr("Copy, paste the format")},
            {filter, "Esc", tr("Clear the filter")}};
}

} // namespace fxp::views
