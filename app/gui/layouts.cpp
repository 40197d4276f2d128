#include "app/gui/layouts.h"

#include <QAction>
#include <QActionGroup>
#include <QDockWidget>
#include <QMainWindow>
#include <QMenu>
#include <QSplitter>

#include <algorithm>
#include <array>

namespace fxp::gui {

namespace {

/// Goes up when the set of panes changes: states of another set would put them anywhere.
constexpr int kVersion = 1;

constexpr auto kWindow = "window", kPlots = "plots", kHidden = "hidden"; ///< parts of an arrangement

/// How a layout is made, for a window of 900 pixels in height; lower ones share what they have in these proportions.
struct Made {
    const char* name;
    const char* text;
    const char* tip;
    int treeWidth, inspectorWidth, samplesHeight; ///< 0: hidden
    std::array<int, 3> plots;
};

constexpr std::array<Made, 3> kLayouts{{
    {"explore",
     QT_TRANSLATE_NOOP("fxp::gui::Layouts", "&Explore"),
     QT_TRANSLATE_NOOP("fxp::gui::Layouts", "All panes"),
     440,
     355,
     190,
     {360, 130, 110}},
    {"compare",
     QT_TRANSLATE_NOOP("fxp::gui::Layouts", "&Compare"),
     QT_TRANSLATE_NOOP("fxp::gui::Layouts", "A wide tree and a high strip of the network, no samples"),
     560,
     355,
     0,
     {330, 130, 240}},
    {"review",
     QT_TRANSLATE_NOOP("fxp::gui::Layouts", "Re&view"),
     QT_TRANSLATE_NOOP("fxp::gui::Layouts", "Plots and samples for showing, nothing to edit"),
     440,
     0,
     220,
     {340, 150, 150}},
}};

const Made& made(const QString& name) {
    const auto found = std::ranges::find_if(kLayouts, [&](const Made& one) { return name == one.name; });
    return found == kLayouts.end() ? kLayouts.front() : *found;
}

QString keyOf(const QString& name) {
    return QString("layouts/v%1/%2/").arg(kVersion).arg(name);
}

} // namespace

Layouts::Layouts(QMainWindow& window, const Panes& panes, QSettings& settings)
    : QObject(&window), m_window(window), m_panes(panes), m_settings(settings), m_choices(new QActionGroup(this)) {
    window.setDockOptions(QMainWindow::AllowNestedDocks | QMainWindow::AllowTabbedDocks);
    window.setCorner(Qt::BottomLeftCorner, Qt::BottomDockWidgetArea);
    window.setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    for (const Made& one : kLayouts) {
        auto* choice = new QAction(tr(one.text), this);
        choice->setData(QString(one.name));
        choice->setCheckable(true);
        choice->setStatusTip(tr(one.tip));
        choice->setToolTip(tr(one.tip));
        m_choices->addAction(choice);
        connect(choice, &QAction::triggered, this, [this, name = QString(one.name)] { choose(name); });
    }
    for (const auto& [at, text] : {std::pair{1, tr("&Values")}, {2, tr("Along the &network")}}) {
        auto* toggle = new QAction(text, this);
        toggle->setData(at);
        toggle->setCheckable(true);
        toggle->setChecked(true);
        toggle->setStatusTip(tr("Show or hide this plot"));
        QWidget* plot = panes.plots->widget(at);
        connect(toggle, &QAction::toggled, plot, &QWidget::setVisible);
        m_toggles.emplace_back(plot, toggle);
    }
    arrange(m_current);
}

void Layouts::addTo(QMenu& menu) {
    const auto tell = [](QAction* action, const QString& tip) {
        action->setStatusTip(tip);
        action->setToolTip(tip);
    };
    QMenu* layouts = menu.addMenu(tr("&Layout"));
    tell(layouts->menuAction(), tr("Arrangements of the panes for what you are doing"));
    layouts->addActions(m_choices->actions());
    layouts->addSeparator();
    tell(layouts->addAction(tr("&Reset this layout"), this, &Layouts::reset),
         tr("Put all panes of this layout back where they were made to be"));
    QMenu* panes = menu.addMenu(tr("&Panes"));
    tell(panes->menuAction(), tr("Which panes and plots are shown"));
    for (QDockWidget* dock : {m_panes.tree, m_panes.inspector, m_panes.samples}) {
        tell(dock->toggleViewAction(), tr("Show or hide this pane"));
        panes->addAction(dock->toggleViewAction());
    }
    for (const auto& [plot, toggle] : m_toggles)
        panes->addAction(toggle);
}

void Layouts::select(const QString& name) {
    m_current = made(name).name;
    for (QAction* choice : m_choices->actions())
        choice->setChecked(choice->data().toString() == m_current);
}

void Layouts::choose(const QString& name) {
    store();
    arrange(name);
    showStored();
    m_settings.setValue("layout", m_current);
}

void Layouts::reset() {
    m_settings.remove(keyOf(m_current).chopped(1));
    arrange(m_current);
}

void Layouts::restore() {
    arrange(m_settings.value("layout", m_current).toString());
    showStored();
}

void Layouts::showStored() {
    std::map<QString, QByteArray> stored;
    for (const char* part : {kWindow, kPlots, kHidden})
        stored[part] = m_settings.value(keyOf(m_current) + part).toByteArray();
    show(stored);
}

void Layouts::store() {
    for (const auto& [part, bytes] : state())
        m_settings.setValue(keyOf(m_current) + part, bytes);
    m_settings.setValue("layout", m_current);
}

std::map<QString, QByteArray> Layouts::state() const {
    QByteArrayList hidden;
    for (const auto& [plot, toggle] : m_toggles) {
        if (!toggle->isChecked())
            hidden << toggle->data().toByteArray();
    }
    return {{kWindow, m_window.saveState(kVersion)}, {kPlots, m_panes.plots->saveState()}, {kHidden, hidden.join(',')}};
}

void Layouts::show(const std::map<QString, QByteArray>& state) {
    const auto part = [&](const char* name) {
        const auto found = state.find(name);
        return found == state.end() ? QByteArray() : found->second;
    };
    if (part(kWindow).isEmpty() || !m_window.restoreState(part(kWindow), kVersion))
        return;
    const QByteArrayList hidden = part(kHidden).split(',');
    for (const auto& [plot, toggle] : m_toggles)
        toggle->setChecked(!hidden.contains(toggle->data().toByteArray()));
    m_panes.plots->restoreState(part(kPlots));
}

void Layouts::arrange(const QString& name) {
    select(name);
    const Made& layout = made(m_current);
    const std::pair<QDockWidget*, Qt::DockWidgetArea> docks[] = {{m_panes.tree, Qt::LeftDockWidgetArea},
                                                                 {m_panes.inspector, Qt::RightDockWidgetArea},
                                                                 {m_panes.samples, Qt::BottomDockWidgetArea}};
    for (const auto& [dock, area] : docks) {
        dock->setFloating(false);
        m_window.addDockWidget(area, dock);
    }
    m_panes.tree->show();
    m_panes.inspector->setVisible(layout.inspectorWidth > 0);
    m_panes.samples->setVisible(layout.samplesHeight > 0);
    m_window.resizeDocks({m_panes.tree, m_panes.inspector}, {layout.treeWidth, std::max(1, layout.inspectorWidth)},
                         Qt::Horizontal);
    const int height = std::min(m_window.height(), 900);
    if (layout.samplesHeight > 0)
        m_window.resizeDocks({m_panes.samples}, {layout.samplesHeight * height / 900}, Qt::Vertical);
    for (const auto& [plot, toggle] : m_toggles)
        toggle->setChecked(true);
    QList<int> sizes;
    for (const int size : layout.plots)
        sizes << size * height / 900;
    m_panes.plots->setSizes(sizes);
}

} // namespace fxp::gui
