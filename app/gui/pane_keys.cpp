#include "app/gui/pane_keys.h"

#include "views/inspector/format_panel.h"
#include "views/inspector/sqnr_table.h"
#include "views/layers/filter_edit.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_plot.h"
#include "views/plots/bit_ruler.h"
#include "views/plots/network_plot.h"
#include "views/plots/values_plot.h"
#include "views/samples/sample_browser.h"
#include "views/theme.h"

#include <QAction>
#include <QApplication>
#include <QContextMenuEvent>
#include <QDockWidget>
#include <QListView>
#include <QMainWindow>
#include <QPainter>
#include <QScrollArea>
#include <QToolBar>
#include <QToolButton>
#include <QTreeView>

#include <algorithm>

namespace fxp::gui {

namespace {

/// Lies over a pane and lets the pointer through.
class Frame : public QWidget {
  public:
    explicit Frame(QWidget* pane) : QWidget(pane) {
        setAttribute(Qt::WA_TransparentForMouseEvents);
        setFocusPolicy(Qt::NoFocus);
        setGeometry(pane->rect());
        raise();
        show();
    }

  protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        painter.setPen(QPen(views::Theme(palette()).accent, 2));
        painter.drawRect(rect().adjusted(1, 1, -1, -1));
    }
};

bool canFocus(const QWidget* widget) {
    return widget->isVisible() && widget->isEnabled() && (widget->focusPolicy() & Qt::TabFocus);
}

} // namespace

PaneKeys::PaneKeys(QMainWindow& window, const QList<Pane>& panes) : QObject(&window), m_window(window) {
    for (const Pane& pane : panes)
        m_places.push_back({pane, nullptr});
    add(tr("Next &pane"), QKeySequence("F6"), tr("Go to the next pane"), &PaneKeys::next);
    add(tr("Previous p&ane"), QKeySequence("Shift+F6"), tr("Go to the pane before"), &PaneKeys::previous);
    add(tr("Context &menu"), QKeySequence("Shift+F10"), tr("Show what can be done with what has the focus"),
        &PaneKeys::askForMenu);
    orderTabs();
    connect(qApp, &QApplication::focusChanged, this, [this](QWidget*, QWidget* now) { onFocusChanged(now); });
    qApp->installEventFilter(this);
}

QAction* PaneKeys::add(const QString& text, const QKeySequence& key, const QString& tip, void (PaneKeys::*does)()) {
    auto* action = new QAction(text, this);
    action->setShortcut(key);
    action->setStatusTip(tip);
    action->setToolTip(tip + " (" + key.toString(QKeySequence::NativeText) + ")");
    connect(action, &QAction::triggered, this, does);
    m_window.addAction(action);
    m_actions.push_back(action);
    return action;
}

QString PaneKeys::framed() const {
    const qsizetype place = m_frame ? placeOf(m_frame) : -1;
    return place < 0 ? QString() : m_places[place].pane.name;
}

qsizetype PaneKeys::placeOf(const QWidget* widget) const {
    for (qsizetype i = 0; widget && i < m_places.size(); ++i) {
        const QWidget* area = m_places[i].pane.area;
        if (area && (area == widget || area->isAncestorOf(widget)))
            return i;
    }
    return -1;
}

void PaneKeys::go(int direction) {
    m_byKey = true;
    const qsizetype count = m_places.size();
    const qsizetype from = placeOf(QApplication::focusWidget());
    for (qsizetype step = 1; step <= count; ++step) {
        // From outside all panes, forwards leads to the first and backwards to the last.
        const qsizetype start = from >= 0 ? from : direction > 0 ? -1 : count;
        Place& place = m_places[((start + direction * step) % count + count) % count];
        QWidget* target = place.last && canFocus(place.last) ? place.last.data() : place.pane.first;
        if (!target || !canFocus(target)) {
            const auto found = std::ranges::find_if(place.pane.inside, canFocus);
            target = found == place.pane.inside.end() ? nullptr : *found;
        }
        if (target) {
            target->setFocus(Qt::TabFocusReason);
            onFocusChanged(target); // also where it had the focus already
            return;
        }
    }
}

void PaneKeys::askForMenu() {
    QWidget* widget = QApplication::focusWidget();
    if (!widget)
        return;
    const QPoint at = widget->inputMethodQuery(Qt::ImCursorRectangle).toRect().center();
    QContextMenuEvent event(QContextMenuEvent::Keyboard, at, widget->mapToGlobal(at));
    QApplication::sendEvent(widget, &event);
}

void PaneKeys::onFocusChanged(QWidget* now) {
    const qsizetype place = placeOf(now);
    if (place >= 0)
        m_places[place].last = now;
    if (!now && m_window.isActiveWindow())
        return;
    QWidget* wanted = m_byKey && place >= 0 ? m_places[place].pane.area : nullptr;
    if (m_frame && m_frame->parentWidget() == wanted)
        return;
    delete m_frame;
    if (wanted)
        m_frame = new Frame(wanted);
}

bool PaneKeys::eventFilter(QObject* watched, QEvent* event) {
    switch (event->type()) {
    case QEvent::KeyPress: {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Tab || key == Qt::Key_Backtab)
            m_byKey = true;
        break;
    }
    case QEvent::MouseButtonPress: // the pointer says where it is
        m_byKey = false;
        delete m_frame;
        break;
    case QEvent::Resize:
        if (m_frame && watched == m_frame->parentWidget())
            m_frame->setGeometry(m_frame->parentWidget()->rect());
        break;
    default: break;
    }
    return QObject::eventFilter(watched, event);
}

void PaneKeys::orderTabs() {
    QList<QWidget*> order;
    for (QToolBar* bar : m_window.findChildren<QToolBar*>(QString(), Qt::FindDirectChildrenOnly)) {
        for (QAction* action : bar->actions()) {
            QWidget* widget = bar->widgetForAction(action);
            if (auto* button = qobject_cast<QToolButton*>(widget))
                button->setFocusPolicy(Qt::TabFocus); // tool bars take it away
            if (widget && widget->focusPolicy() & Qt::TabFocus)
                order << widget;
        }
    }
    for (const Place& place : m_places)
        order += place.pane.inside;
    for (qsizetype i = 1; i < order.size(); ++i)
        QWidget::setTabOrder(order[i - 1], order[i]);
}

PaneKeys* buildPaneKeys(QMainWindow& window) {
    const auto in = [](QWidget* area) {
        QList<QWidget*> inside;
        for (QWidget* widget = area->nextInFocusChain(); widget != area; widget = widget->nextInFocusChain()) {
            if (area->isAncestorOf(widget) && !widget->focusProxy() && widget->focusPolicy() & Qt::TabFocus)
                inside << widget;
        }
        return inside;
    };
    auto* tree = window.findChild<views::LayerTreeView*>();
    auto* bits = window.findChild<views::BitPlot*>();
    auto* values = window.findChild<views::ValuesPlot*>();
    auto* network = window.findChild<views::NetworkPlot*>();
    auto* samples = window.findChild<views::SampleBrowser*>();
    QWidget* inspector = window.findChild<views::FormatPanel*>();
    while (!qobject_cast<QScrollArea*>(inspector))
        inspector = inspector->parentWidget();
    QList<QWidget*> fields = in(inspector);
    // The area that scrolls takes no key that its fields do not.
    static_cast<QScrollArea*>(inspector)->setFocusPolicy(Qt::NoFocus);
    fields.removeOne(inspector);
    const auto boxOf = [](QWidget* plot) { return plot->parentWidget(); };
    const auto dockOf = [](QWidget* pane) { // with the title bar, which has a part of the pane
        auto* dock = qobject_cast<QDockWidget*>(pane->parentWidget());
        return dock ? dock : pane;
    };
    return new PaneKeys(window, {{PaneKeys::tr("Layers"), dockOf(tree), tree->tree(), {tree->filter(), tree->tree()}},
                                 {PaneKeys::tr("Bits"), boxOf(bits), bits->ruler(), {bits->ruler(), bits->canvas()}},
                                 {PaneKeys::tr("Values"), boxOf(values), nullptr, {values->canvas()}},
                                 {PaneKeys::tr("Along the network"), boxOf(network), nullptr, {network->canvas()}},
                                 {PaneKeys::tr("Inspector"), dockOf(inspector), nullptr, fields},
                                 {PaneKeys::tr("Samples"), dockOf(samples), nullptr, {samples->list()}}});
}

} // namespace fxp::gui
