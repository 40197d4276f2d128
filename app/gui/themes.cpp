#include "app/gui/themes.h"

#include "app/gui/portal_scheme.h"
#include "views/theme.h"

#include <QAction>
#include <QActionGroup>
#include <QSettings>

#include <algorithm>

namespace fxp::gui {

namespace {

const QString kSystem = QStringLiteral("system");

} // namespace

Themes::Themes(QSettings& settings, std::unique_ptr<ColourScheme> desktop, QObject* parent)
    : QObject(parent), m_settings(settings),
      m_desktop(desktop ? std::move(desktop) : std::make_unique<PortalScheme>()) {
    auto* group = new QActionGroup(this);
    const auto add = [&](const QString& name, const QString& text, const QString& tip) {
        auto* action = new QAction(text, group);
        action->setCheckable(true);
        action->setData(name);
        action->setToolTip(tip);
        action->setStatusTip(tip);
        connect(action, &QAction::triggered, this, [this, name] { choose(name); });
        m_actions << action;
    };
    add(QStringLiteral("light"), tr("&Light"), tr("Dark text on a light ground, whatever the desktop has"));
    add(QStringLiteral("dark"), tr("&Dark"), tr("Light text on a dark ground, whatever the desktop has"));
    add(kSystem, tr("&Follow system"), tr("Light or dark as the desktop is, also when that changes"));
    for (ColourScheme* source : {m_desktop.get(), static_cast<ColourScheme*>(&m_palette)})
        connect(source, &ColourScheme::changed, this, &Themes::apply);
    apply();
}

QString Themes::chosen() const {
    const QString name = m_settings.value("theme", kSystem).toString();
    const bool known = std::ranges::any_of(m_actions, [&](const QAction* action) { return action->data() == name; });
    return known ? name : kSystem;
}

void Themes::choose(const QString& name) {
    m_settings.setValue("theme", name);
    apply();
}

bool Themes::isDark() const {
    const QString name = chosen();
    return name == kSystem ? m_desktop->isDark().value_or(*m_palette.isDark()) : name == QLatin1String("dark");
}

void Themes::apply() {
    const QPalette palette = isDark() ? views::darkPalette() : views::lightPalette();
    m_palette.setOwn(palette, views::styleSheet(palette));
    for (QAction* action : m_actions)
        action->setChecked(action->data() == chosen());
}

} // namespace fxp::gui
