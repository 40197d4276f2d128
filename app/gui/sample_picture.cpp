#include "app/gui/sample_picture.h"

#include "views/theme.h"

#include <QFontDatabase>
#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <cmath>

namespace fxp::gui {

namespace {

constexpr int kPictureHeight = 164, kChartHeight = 84;

QString numberText(double value) {
    return QString::number(value, 'g', 3).replace('-', QChar(0x2212));
}

QFont smaller(const QFont& font) {
    QFont small = font;
    small.setPointSizeF(font.pointSizeF() * 0.88);
    return small;
}

/// The step of about `count` marks over the extent: 1, 2 or 5 times a power of ten.
double roundStep(double extent, int count) {
    const double rough = extent / count, unit = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * unit >= rough)
            return factor * unit;
    }
    return 10 * unit;
}

} // namespace

SamplePicture::SamplePicture(QWidget* parent) : QWidget(parent) {
    setFixedHeight(kPictureHeight);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void SamplePicture::show(const model::SamplePreview& preview) {
    m_empty = false;
    m_preview = preview;
    update();
}

void SamplePicture::clear() {
    m_empty = true;
    m_preview = {};
    update();
}

void SamplePicture::paintTrace(QPainter& painter, const QRect& area) const {
    const views::Theme theme(palette());
    painter.setFont(smaller(font()));
    const int line = painter.fontMetrics().height();
    const auto& values = m_preview.trace;
    double low = m_preview.range ? m_preview.range->first : 0, high = m_preview.range ? m_preview.range->second : 1;
    if (low == high) {
        low -= 1;
        high += 1;
    }
    const double step = roundStep(high - low, 3);
    QStringList marks;
    for (double at = std::ceil(low / step) * step; at <= high + step * 1e-9; at += step)
        marks << numberText(std::abs(at) < step * 1e-6 ? 0 : at);
    int left = 0;
    for (const QString& mark : marks)
        left = std::max(left, painter.fontMetrics().horizontalAdvance(mark));
    const QRect plot = area.adjusted(left + 8, 0, -1, -line - 4);
    painter.fillRect(plot, theme.background);
    painter.setPen(theme.grid);
    painter.drawRect(plot);
    const QRectF inner = QRectF(plot).adjusted(0, 10, 0, -10);
    const auto toY = [&](double value) { return inner.bottom() - (value - low) / (high - low) * inner.height(); };
    const auto toX = [&](double i) {
        return inner.left() + i / std::max<double>(1, static_cast<double>(values.size()) - 1) * inner.width();
    };
    int mark = 0;
    for (double at = std::ceil(low / step) * step; at <= high + step * 1e-9; at += step, ++mark) {
        const bool zero = std::abs(at) < step * 1e-6;
        painter.setPen(zero ? theme.lost : theme.grid);
        painter.drawLine(QPointF(plot.left(), toY(at)), QPointF(plot.right(), toY(at)));
        painter.setPen(theme.muted);
        painter.drawText(QRectF(area.left(), toY(at) - line / 2.0, left, line), Qt::AlignRight | Qt::AlignVCenter,
                         marks.value(mark));
    }
    for (int i = 0; i <= 4; ++i) {
        const auto size = static_cast<std::int64_t>(values.size());
        const std::int64_t at = std::min(size - 1, size * i / 4);
        const double x = toX(static_cast<double>(at));
        const QString text = QString::number(at);
        const int width = painter.fontMetrics().horizontalAdvance(text) + 2;
        const double begin = std::clamp(x - width / 2.0, double(plot.left()), double(area.right() - width));
        painter.drawText(QRectF(begin, plot.bottom() + 3, width, line), Qt::AlignCenter, text);
    }
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setClipRect(plot);
    painter.setPen(QPen(theme.accent, 1.2));
    // Not more than a least and a greatest value for each pixel.
    const auto columns = static_cast<std::size_t>(std::max(1, plot.width()));
    const std::size_t perPoint = std::max<std::size_t>(1, values.size() / columns);
    QPolygonF shape;
    for (std::size_t i = 0; i < values.size(); i += perPoint) {
        const auto end = std::min(values.size(), i + perPoint);
        const auto [least, most] = std::minmax_element(values.begin() + static_cast<std::ptrdiff_t>(i),
                                                       values.begin() + static_cast<std::ptrdiff_t>(end));
        for (const double value : {*least, *most}) {
            if (std::isfinite(value) &&
                (perPoint > 1 || shape.isEmpty() || shape.back().x() < toX(static_cast<double>(i))))
                shape << QPointF(toX(static_cast<double>(i)), toY(value));
        }
    }
    painter.drawPolyline(shape);
}

void SamplePicture::paintEvent(QPaintEvent*) {
    const views::Theme theme(palette());
    QPainter painter(this);
    if (m_empty) {
        painter.setPen(QPen(theme.grid, 1));
        painter.drawRoundedRect(rect().adjusted(0, 0, -1, -1), 4, 4);
        painter.setPen(theme.muted);
        painter.drawText(rect(), Qt::AlignCenter, QObject::tr("no samples to show"));
        return;
    }
    if (m_preview.kind == model::SamplePreview::Kind::Trace) {
        paintTrace(painter, rect());
        return;
    }
    if (m_preview.kind == model::SamplePreview::Kind::Picture) {
        const QSize room = size() - QSize(4, 4);
        const QSize size = m_preview.image.size().scaled(room, Qt::KeepAspectRatio);
        const QRect place(QPoint((width() - size.width()) / 2, (height() - size.height()) / 2), size);
        const bool larger = size.width() >= m_preview.image.width();
        painter.drawImage(place, larger
                                     ? m_preview.image
                                     : m_preview.image.scaled(size, Qt::IgnoreAspectRatio, Qt::SmoothTransformation));
        painter.setPen(QPen(theme.grid, 2));
        painter.drawRoundedRect(place.adjusted(-1, -1, 1, 1), 3, 3);
        return;
    }
    painter.fillRect(rect(), theme.background);
    painter.setPen(QPen(theme.grid, 1));
    painter.drawRoundedRect(rect().adjusted(0, 0, -1, -1), 4, 4);
    painter.setPen(theme.text);
    QFont fixed = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    fixed.setPointSizeF(font().pointSizeF() * 0.92);
    painter.setFont(fixed);
    painter.drawText(rect().adjusted(8, 6, -8, -6), Qt::TextWrapAnywhere | Qt::AlignLeft | Qt::AlignTop,
                     m_preview.text);
}

ClassChart::ClassChart(QWidget* parent) : QWidget(parent) {
    setFixedHeight(kChartHeight);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void ClassChart::show(const std::vector<std::int32_t>& labels, std::int64_t chosenOn) {
    m_bars.clear();
    const auto range = std::ranges::minmax_element(labels);
    if (!labels.empty() && *range.min >= 0 && *range.max < kMostClasses) {
        m_bars.resize(static_cast<std::size_t>(*range.max) + 1);
        for (std::size_t i = 0; i < labels.size(); ++i) {
            Bar& bar = m_bars[static_cast<std::size_t>(labels[i])];
            ++(chosenOn == 0 || static_cast<std::int64_t>(i) < chosenOn ? bar.chosen : bar.heldOut);
        }
    }
    update();
}

void ClassChart::paintEvent(QPaintEvent*) {
    if (m_bars.empty())
        return;
    const views::Theme theme(palette());
    QPainter painter(this);
    painter.setFont(smaller(font()));
    const int line = painter.fontMetrics().height();
    int most = 1;
    for (const Bar& bar : m_bars)
        most = std::max(most, bar.chosen + bar.heldOut);
    const double room = height() - 2.0 * line - 4, bottom = height() - line - 2.0;
    const double column = double(width()) / double(m_bars.size()), wide = std::min(column * 0.76, 30.0);
    for (std::size_t i = 0; i < m_bars.size(); ++i) {
        const Bar& bar = m_bars[i];
        const double middle = column * (static_cast<double>(i) + 0.5);
        const double dark = room * bar.chosen / most, light = room * bar.heldOut / most;
        painter.fillRect(QRectF(middle - wide / 2, bottom - dark, wide, dark), theme.accent);
        painter.fillRect(QRectF(middle - wide / 2, bottom - dark - light, wide, light), theme.accentLight);
        painter.setPen(theme.muted);
        const QRectF above(middle - column / 2, bottom - dark - light - line - 1, column, line);
        const QString count = QString::number(bar.chosen + bar.heldOut);
        if (painter.fontMetrics().horizontalAdvance(count) <= column)
            painter.drawText(above, Qt::AlignCenter, count);
        painter.drawText(QRectF(middle - column / 2, bottom + 2, column, line), Qt::AlignCenter, QString::number(i));
    }
    painter.setPen(theme.accentLight);
    painter.drawLine(QPointF(0, bottom), QPointF(width(), bottom));
}

} // namespace fxp::gui
