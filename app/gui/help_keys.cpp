#include "app/gui/help_window.h"

#include "views/key_help.h"

#include <QAction>

#include <algorithm>

namespace fxp::gui {

QString keysAsMarkdown(const QList<QAction*>& actions) {
    // Sections in the order in which they first come.
    QList<std::pair<QString, QStringList>> sections;
    const auto add = [&](const QString& where, const QString& keys, const QString& does) {
        auto found = std::ranges::find(sections, where, [](const auto& section) { return section.first; });
        if (found == sections.end())
            found = sections.insert(sections.end(), {where, {}});
        const QString row = QStringLiteral("| %1 | %2 |").arg(keys, does);
        if (!found->second.contains(row))
            found->second << row;
    };
    for (const QAction* action : actions) {
        if (action->shortcut().isEmpty())
            continue;
        QStringList keys;
        for (const QKeySequence& key : action->shortcuts())
            keys << key.toString(QKeySequence::NativeText);
        // An undo action names what it would undo now; the tip says it in full.
        const QString text = action->iconText().remove('&').remove(QStringLiteral("…"));
        const QString tip = action->statusTip();
        add(HelpWindow::tr("Everywhere"), keys.join(", "), tip.isEmpty() ? text : tip);
    }
    add(HelpWindow::tr("Everywhere"), HelpWindow::tr("Tab, Shift+Tab"), HelpWindow::tr("Go from control to control"));
    for (const views::KeyHelp& key : views::widgetKeys())
        add(key.where, key.keys, key.does);
    QString text = "# " + HelpWindow::tr("Keys") + "\n\n";
    for (const auto& [where, rows] : sections)
        text += "## " + where + "\n\n| " + HelpWindow::tr("key") + " | " + HelpWindow::tr("does") +
                " |\n| --- | --- |\n" + rows.join('\n') + "\n\n";
    return text;
}

} // namespace fxp::gui
