#include "app/gui/help_menu.h"

#include "app/gui/help_window.h"
#include "views/inspector/effect_panel.h"
#include "views/inspector/format_panel.h"
#include "views/inspector/sqnr_table.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/plot_widget.h"
#include "views/samples/sample_browser.h"

#include <QAction>
#include <QApplication>
#include <QMainWindow>
#include <QMenu>
#include <QPointer>

#include <algorithm>
#include <memory>

namespace fxp::gui {

namespace {

/// The section of the manual on what has the focus; empty for its beginning.
QString sectionOf(const QWidget* widget) {
    for (; widget; widget = widget->parentWidget()) {
        if (qobject_cast<const views::LayerTreeView*>(widget))
            return "Finding tensors";
        if (qobject_cast<const views::PlotWidget*>(widget))
            return "The word and the magnitudes";
        if (qobject_cast<const views::FormatPanel*>(widget) || qobject_cast<const views::SqnrTable*>(widget))
            return "Choosing formats";
        if (qobject_cast<const views::EffectPanel*>(widget))
            return "Reading the figures";
        if (qobject_cast<const views::SampleBrowser*>(widget))
            return "Runs";
    }
    return {};
}

} // namespace

QList<QAction*> buildHelp(QMainWindow& window, QMenu& menu) {
    const auto help = std::make_shared<QPointer<HelpWindow>>();
    const auto open = [&window, help](const QString& page, const QString& heading) {
        if (!*help) {
            // In the menus' order, then those that are in none; once all menus are filled.
            QList<QAction*> actions = window.findChildren<QAction*>();
            std::ranges::stable_partition(actions, [](const QAction* action) { return action->menu() == nullptr; });
            actions.removeIf([](const QAction* action) { return action->shortcutContext() != Qt::WindowShortcut; });
            *help = new HelpWindow(actions, &window);
        }
        (*help)->show(page, heading);
    };
    QList<QAction*> actions;
    const auto add = [&](const QString& text, const QKeySequence& key, const QString& tip, const auto& does) {
        QAction* action = menu.addAction(text);
        action->setShortcut(key);
        action->setStatusTip(tip);
        action->setToolTip(key.isEmpty() ? tip : tip + " (" + key.toString(QKeySequence::NativeText) + ")");
        QObject::connect(action, &QAction::triggered, &window, does);
        actions << action;
    };
    add(HelpWindow::tr("&Manual"), QKeySequence("F1"), HelpWindow::tr("How to use the program"),
        [open] { open("MANUAL.md", sectionOf(QApplication::focusWidget())); });
    add(HelpWindow::tr("&Keys"), {}, HelpWindow::tr("All keys, by place"), [open] { open("keys", {}); });
    add(HelpWindow::tr("&What the numbers mean"), {}, HelpWindow::tr("Formats, rounding, figures and sums, exactly"),
        [open] { open("FIXED_POINT.md", {}); });
    menu.addSeparator();
    return actions;
}

} // namespace fxp::gui
