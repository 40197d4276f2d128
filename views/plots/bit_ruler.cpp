#include "views/plots/bit_ruler.h"

#include "model/document.h"
#include "quant/core/notation.h"
#include "views/power_text.h"
#include "views/theme.h"

#include <QLabel>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace fxp::views {

namespace {

constexpr int kTop = 8, kHeight = 30, kHandle = 6;

/// A bit's weight as a short text: 4, 2, 1, ½, ¼, …, then powers.
QString weightText(int exponent) {
    static const QStringList kFractions{"½", "¼", "⅛", "¹⁄₁₆", "¹⁄₃₂", "¹⁄₆₄"};
    if (exponent >= 0 && exponent <= 9)
        return QString::number(1 << exponent);
    if (exponent < 0 && -exponent <= kFractions.size())
        return kFractions[-exponent - 1];
    return power(exponent);
}

} // namespace

BitRuler::BitRuler(QWidget* parent) : QWidget(parent), m_feedback(new QLabel(parent)) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Bits of the word"));
    setToolTip(tr("Drag the word or its point to slide it, an end to add or take bits.\n"
                  "Several tensors are shifted by the same amount; Shift while dragging sets them all alike.\n"
                  "Keys: ←/→ slide, Shift+←/→ right end, Ctrl+←/→ left end."));
    m_feedback->setObjectName("feedback");
    m_feedback->setAccessibleName(tr("Format while dragging"));
    m_feedback->setAttribute(Qt::WA_TransparentForMouseEvents);
    m_feedback->hide();
}

void BitRuler::setFormat(const quant::QType& format) {
    m_format = format;
    update();
}

void BitRuler::setAxis(double origin, double step) {
    m_origin = origin;
    m_step = step;
    update();
}

QRectF BitRuler::cell(int exponent) const {
    return {m_origin - exponent * m_step - m_step / 2 + 1, static_cast<double>(kTop), m_step - 2, kHeight};
}

QPoint BitRuler::cellCentre(int exponent) const {
    return cell(exponent).center().toPoint();
}

QPoint BitRuler::pointHandle() const {
    return {static_cast<int>(std::lround(m_origin + m_step / 2)), kTop + kHeight + 2};
}

QPoint BitRuler::leftHandle() const {
    return m_format.hasPoint()
               ? QPoint(static_cast<int>(cell(m_format.integerBits() - 1).left()) - 1, kTop + kHeight / 2)
               : QPoint();
}

QPoint BitRuler::rightHandle() const {
    return m_format.hasPoint()
               ? QPoint(static_cast<int>(cell(-*m_format.fractionalBits).right()) + 1, kTop + kHeight / 2)
               : QPoint();
}

BitRuler::Part BitRuler::partAt(const QPoint& position) const {
    if (!m_format.hasPoint())
        return Part::None;
    const int left = leftHandle().x(), right = rightHandle().x();
    if ((position - pointHandle()).manhattanLength() <= 9)
        return Part::Word;
    if (position.y() < kTop - 2 || position.y() > kTop + kHeight + 4)
        return Part::None;
    if (std::abs(position.x() - left) <= kHandle)
        return Part::LeftEnd;
    if (std::abs(position.x() - right) <= kHandle)
        return Part::RightEnd;
    return position.x() > left && position.x() < right ? Part::Word : Part::None;
}

std::optional<quant::QType> BitRuler::moved(const quant::QType& from, Part part, int steps) const {
    quant::QType format = from;
    if (!format.hasPoint())
        return std::nullopt;
    if (part == Part::Word || part == Part::RightEnd)
        *format.fractionalBits += steps;
    if (part == Part::RightEnd)
        *format.totalBits += steps;
    if (part == Part::LeftEnd)
        *format.totalBits -= steps;
    // An end stops where the word would be too short or too long.
    if (*format.totalBits < quant::kMinTotalBits || *format.totalBits > quant::kMaxTotalBits ||
        std::abs(*format.fractionalBits) > quant::kMaxFractionalBits)
        return std::nullopt;
    return format;
}

void BitRuler::paintEvent(QPaintEvent*) {
    if (!m_format.hasPoint())
        return;
    const Theme theme(palette());
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * (m_step < 26 ? 0.7 : 0.92));
    painter.setFont(small);
    const int top = m_format.integerBits() - 1, bottom = -*m_format.fractionalBits;
    for (int exponent = top; exponent >= bottom; --exponent) {
        const bool sign = exponent == top;
        QColor fill = theme.accent;
        fill.setAlphaF(sign ? 0.30f : 0.12f);
        painter.setPen(QPen(theme.accent, 1));
        painter.setBrush(theme.background);
        painter.drawRoundedRect(cell(exponent), 3, 3);
        painter.setBrush(fill);
        painter.drawRoundedRect(cell(exponent), 3, 3);
        painter.setPen(theme.dark ? theme.text : theme.accent.darker(120));
        const QString text = sign ? QStringLiteral("±") : weightText(exponent);
        if (painter.fontMetrics().horizontalAdvance(text) <= m_step - 3)
            painter.drawText(cell(exponent), Qt::AlignCenter, text);
    }
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.accent);
    for (const QPoint& handle : {leftHandle(), rightHandle()})
        painter.drawRoundedRect(QRectF(handle.x() - 2.5, handle.y() - 11, 5, 22), 2, 2);
    painter.setBrush(theme.text);
    painter.drawEllipse(pointHandle(), 5, 5);
    if (hasFocus()) {
        painter.setPen(QPen(theme.accent, 1, Qt::DotLine));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(cell(top).united(cell(bottom)).adjusted(-5, -4, 5, 4), 4, 4);
    }
}

void BitRuler::mousePressEvent(QMouseEvent* event) {
    m_dragged = event->button() == Qt::LeftButton ? partAt(event->pos()) : Part::None;
    m_pressedX = event->pos().x();
    m_pressedStep = m_step;
    m_pressedFormat = m_format;
    m_alike = false;
    m_gesture = model::Document::newGesture();
    showCursor(event->pos());
    if (m_dragged != Part::None)
        showFeedback(event->pos());
    // A press that just missed the word stays here: it must not drag the plot away below it.
    event->setAccepted(event->button() == Qt::LeftButton);
}

void BitRuler::showFeedback(const QPoint& pointer) {
    m_feedback->setText(tr("%1 · %n bits", nullptr, *m_format.totalBits)
                            .arg(QString::fromStdString(quant::write(m_format, quant::Notation::SignIntegerFraction))));
    m_feedback->adjustSize();
    const QWidget* area = parentWidget() ? parentWidget() : this;
    const QPoint wanted = mapTo(area, pointer) + QPoint(14, 20);
    m_feedback->move(std::clamp(wanted.x(), 0, std::max(0, area->width() - m_feedback->width())),
                     std::clamp(wanted.y(), 0, std::max(0, area->height() - m_feedback->height())));
    m_feedback->raise();
    m_feedback->show();
}

void BitRuler::showCursor(const QPoint& position) {
    const bool dragged = m_dragged != Part::None;
    switch (dragged ? m_dragged : partAt(position)) {
    case Part::None: return setCursor(Qt::ArrowCursor);
    case Part::Word: return setCursor(dragged ? Qt::ClosedHandCursor : Qt::OpenHandCursor);
    case Part::LeftEnd:
    case Part::RightEnd: return setCursor(Qt::SplitHCursor);
    }
}

void BitRuler::mouseMoveEvent(QMouseEvent* event) {
    if (m_dragged == Part::None) {
        showCursor(event->pos());
        event->setAccepted(event->buttons() != Qt::NoButton);
        return;
    }
    const int steps = static_cast<int>(std::lround((event->pos().x() - m_pressedX) / m_pressedStep));
    const auto format = moved(m_pressedFormat, m_dragged, steps);
    const bool alike = event->modifiers() & Qt::ShiftModifier;
    if (format && (*format != m_format || alike != m_alike)) {
        m_alike = alike;
        setFormat(*format);
        Q_EMIT edited(*format, m_gesture, alike);
    }
    showFeedback(event->pos());
}

void BitRuler::mouseReleaseEvent(QMouseEvent* event) {
    m_dragged = Part::None;
    showCursor(event->pos());
    m_feedback->hide();
}

void BitRuler::keyPressEvent(QKeyEvent* event) {
    const int steps = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
    const Part part = event->modifiers() & Qt::ShiftModifier     ? Part::RightEnd
                      : event->modifiers() & Qt::ControlModifier ? Part::LeftEnd
                                                                 : Part::Word;
    const auto format = steps ? moved(m_format, part, steps) : std::nullopt;
    if (!format) {
        QWidget::keyPressEvent(event);
        return;
    }
    setFormat(*format);
    Q_EMIT edited(*format, model::Document::newGesture(), false);
}

} // namespace fxp::views
