#include "app/gui/message_overlay.h"

#include <QEvent>
#include <QStatusBar>
#include <QVBoxLayout>

#include <algorithm>

namespace fxp::gui {

namespace {

constexpr int kMargin = 12, kWidest = 1000;

} // namespace

MessageOverlay::MessageOverlay(QWidget& over, const QList<QWidget*>& strips)
    : QWidget(&over), m_over(over), m_strips(strips) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(6);
    for (QWidget* strip : strips) {
        const bool hidden = strip->isHidden();
        layout->addWidget(strip);
        strip->setHidden(hidden);
        strip->installEventFilter(this);
    }
    over.installEventFilter(this);
    place();
}

bool MessageOverlay::event(QEvent* event) {
    const bool done = QWidget::event(event);
    if (event->type() == QEvent::LayoutRequest)
        place();
    return done;
}

bool MessageOverlay::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize
            ? watched == &m_over
            : event->type() == QEvent::ShowToParent || event->type() == QEvent::HideToParent)
        place();
    return QWidget::eventFilter(watched, event);
}

void MessageOverlay::place() {
    if (std::ranges::all_of(m_strips, [](const QWidget* strip) { return strip->isHidden(); })) {
        hide();
        return;
    }
    const int width = std::min(kWidest, m_over.width() - 2 * kMargin);
    layout()->invalidate();
    const int height = layout()->hasHeightForWidth() ? layout()->heightForWidth(width) : layout()->sizeHint().height();
    const auto* status = m_over.findChild<QStatusBar*>({}, Qt::FindDirectChildrenOnly); // stays in sight
    const int bottom = m_over.height() - (status ? status->height() : 0);
    setGeometry(kMargin, bottom - height - kMargin, width, height);
    show();
    raise();
}

} // namespace fxp::gui
