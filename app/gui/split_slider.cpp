#include "app/gui/split_slider.h"

#include "views/theme.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace fxp::gui {

namespace {

constexpr int kTrack = 8, kHandle = 8, kHandleHeight = 20;
constexpr int kPages = 20; ///< Page up from end to end

} // namespace

SplitSlider::SplitSlider(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Samples that formats are chosen on"));
    setToolTip(
        tr("Drag, or use the arrow keys: formats are chosen on the samples at the left, and judged on the others"));
}

void SplitSlider::setSplit(int chosen, int count) {
    m_count = count;
    m_chosen = std::clamp(chosen, std::min(1, count), count);
    setEnabled(count > 1);
    update();
}

int SplitSlider::handleX() const {
    const int room = width() - kHandle;
    return m_count > 0 ? kHandle / 2 + static_cast<int>(std::lround(double(room) * m_chosen / m_count)) : kHandle / 2;
}

void SplitSlider::paintEvent(QPaintEvent*) {
    const views::Theme theme(palette());
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    const QRectF track(0, (height() - kTrack) / 2.0, width(), kTrack);
    painter.setBrush(theme.grid);
    painter.drawRoundedRect(track, kTrack / 2.0, kTrack / 2.0);
    if (!isEnabled())
        return;
    painter.setBrush(theme.accent);
    painter.drawRoundedRect(QRectF(track.left(), track.top(), handleX(), kTrack), kTrack / 2.0, kTrack / 2.0);
    const QRectF handle(handleX() - kHandle / 2.0, (height() - kHandleHeight) / 2.0, kHandle, kHandleHeight);
    painter.setBrush(theme.text);
    painter.drawRoundedRect(handle, 2, 2);
    if (hasFocus()) {
        painter.setPen(QPen(theme.accent, 1.5));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(handle.adjusted(-2, -0.5, 2, 0.5), 3, 3);
    }
}

void SplitSlider::moveTo(int chosen) {
    chosen = std::clamp(chosen, 1, m_count);
    if (chosen == m_chosen)
        return;
    m_chosen = chosen;
    update();
    Q_EMIT moved(chosen);
}

void SplitSlider::follow(int x) {
    moveTo(static_cast<int>(std::lround(double(x - kHandle / 2) / std::max(1, width() - kHandle) * m_count)));
}

void SplitSlider::mousePressEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton)
        follow(qRound(event->position().x()));
}

void SplitSlider::mouseMoveEvent(QMouseEvent* event) {
    if (event->buttons() & Qt::LeftButton)
        follow(qRound(event->position().x()));
}

void SplitSlider::keyPressEvent(QKeyEvent* event) {
    const int page = std::max(1, m_count / kPages);
    switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Down: moveTo(m_chosen - 1); break;
    case Qt::Key_Right:
    case Qt::Key_Up: moveTo(m_chosen + 1); break;
    case Qt::Key_PageDown: moveTo(m_chosen - page); break;
    case Qt::Key_PageUp: moveTo(m_chosen + page); break;
    case Qt::Key_Home: moveTo(1); break;
    case Qt::Key_End: moveTo(m_count); break;
    default: QWidget::keyPressEvent(event);
    }
}

} // namespace fxp::gui
