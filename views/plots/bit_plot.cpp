#include "views/plots/bit_plot.h"

#include "views/format_actions.h"
#include "views/plots/bit_ruler.h"
#include "views/plots/count_ticker.h"
#include "views/plots/qcp.h"
#include "views/power_text.h"
#include "views/stale_text.h"
#include "views/theme.h"

#include <QLocale>

#include <algorithm>
#include <cmath>
#include <utility>

namespace fxp::views {

namespace {

constexpr int kRulerSpace = 56;
constexpr int kLeastColumns = 16;
constexpr double kFar = 1000;

/// Ticks at whole exponents, as powers of two.
class PowerTicker : public QCPAxisTicker {
  public:
    explicit PowerTicker(const QCPAxis& axis) : m_axis(axis) {}

  protected:
    double getTickStep(const QCPRange& range) override {
        // The axis itself gets its new width only after its ticks.
        const QMargins margins = m_axis.axisRect()->margins();
        const int width = m_axis.parentPlot()->viewport().width() - margins.left() - margins.right();
        const int label = QFontMetrics(m_axis.tickLabelFont()).horizontalAdvance(power(-16)) + 6;
        return std::max(1.0, std::ceil(range.size() * label / std::max(1, width)));
    }
    QString getTickLabel(double tick, const QLocale&, QChar, int) override {
        return power(static_cast<int>(std::lround(tick)));
    }
    int getSubTickCount(double) override { return 0; }

  private:
    const QCPAxis& m_axis;
};

QString percent(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? QString::number(100.0 * static_cast<double>(part) / static_cast<double>(whole), 'f', 1) + " %"
                     : QString();
}

} // namespace

BitPlot::BitPlot(model::Document& document, Selection& selection, QWidget* parent)
    : PlotWidget(tr("bits"), parent), m_document(document), m_selection(selection), m_ruler(new BitRuler(plot())),
      m_overflowArea(new QCPItemRect(plot())), m_lostArea(new QCPItemRect(plot())), m_point(new QCPItemLine(plot())),
      m_overflowText(new QCPItemText(plot())), m_lostText(new QCPItemText(plot())) {
    plot()->xAxis->setRangeReversed(true); // large magnitudes left, as the word is written
    plot()->xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new PowerTicker(*plot()->xAxis)));
    plot()->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new CountTicker));
    for (Series* series : {&m_inside, &m_overflow, &m_lost}) {
        series->positive = new QCPBars(plot()->xAxis, plot()->yAxis);
        series->negative = new QCPBars(plot()->xAxis, plot()->yAxis);
        series->negative->moveAbove(series->positive);
        for (QCPBars* bars : {series->positive, series->negative}) {
            bars->setWidth(0.92);
            bars->setPen(Qt::NoPen);
        }
    }
    for (QCPItemRect* area : {m_overflowArea, m_lostArea}) {
        area->setPen(Qt::NoPen);
        area->setLayer("background");
        area->topLeft->setTypeY(QCPItemPosition::ptAxisRectRatio);
        area->bottomRight->setTypeY(QCPItemPosition::ptAxisRectRatio);
    }
    for (QCPItemPosition* end : {m_point->start, m_point->end})
        end->setTypeY(QCPItemPosition::ptAxisRectRatio);
    for (QCPItemText* text : {m_overflowText, m_lostText}) {
        text->position->setType(QCPItemPosition::ptAxisRectRatio);
        text->setClipToAxisRect(true);
    }
    // The plot inside gets its size after this widget.
    connect(plot(), &QCustomPlot::beforeReplot, this, [this, fitted = QRect()]() mutable {
        if (std::exchange(fitted, plot()->viewport()) != plot()->viewport())
            rescaleValues();
    });
    m_overflowText->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
    m_overflowText->position->setCoords(0.01, 0);
    m_lostText->setPositionAlignment(Qt::AlignRight | Qt::AlignTop);
    m_lostText->position->setCoords(0.99, 0);

    connect(m_ruler, &BitRuler::edited, this, &BitPlot::edit);
    connect(plot()->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] {
        showWord();
        placeRuler();
    });
    connect(plot(), &QCustomPlot::afterLayout, this, &BitPlot::placeRuler);
    for (const auto signal : {&model::Document::modelChanged, &model::Document::samplesChanged,
                              &model::Document::formatsChanged, &model::Document::resultChanged})
        connect(&document, signal, this, &BitPlot::refresh);
    connect(&selection, &Selection::changed, this, &BitPlot::refresh);
    setFormatActions(new FormatActions(document, selection, this));
    applyTheme();
    refresh();
}

void BitPlot::edit(const quant::QType& format, int gesture, bool alike) {
    const int current = m_selection.current();
    if (gesture != m_gesture) {
        m_gesture = gesture;
        m_beforeGesture.clear();
        for (const int slot : m_selection.slotList()) {
            if (slot >= 0 && slot < m_document.slotCount())
                m_beforeGesture.emplace(slot, m_document.format(slot));
        }
    }
    const quant::QType from = m_beforeGesture.contains(current) ? m_beforeGesture.at(current) : format;
    model::FormatEdit edit;
    for (const auto& [slot, before] : m_beforeGesture) {
        quant::QType own = before;
        if (slot == current || alike) {
            own = own.withPoint(*format.totalBits, *format.fractionalBits);
        } else if (own.hasPoint() && from.hasPoint()) {
            const int total = *own.totalBits + *format.totalBits - *from.totalBits;
            const int fraction = *own.fractionalBits + *format.fractionalBits - *from.fractionalBits;
            own = own.withPoint(std::clamp(total, quant::kMinTotalBits, quant::kMaxTotalBits),
                                std::clamp(fraction, -quant::kMaxFractionalBits, quant::kMaxFractionalBits));
        }
        edit.emplace(slot, std::move(own));
    }
    if (!m_document.setFormats(edit, tr("Move bits"), gesture))
        refresh(); // the ruler goes back to the format that stays
}

void BitPlot::showWord() {
    const quant::QType& format = m_ruler->format();
    if (!format.hasPoint())
        return;
    constexpr double kBeside = 1; // half the end's cell and half a column of air
    const double left = format.integerBits() - 1 + kBeside, right = -*format.fractionalBits - kBeside;
    const QCPRange range = plot()->xAxis->range();
    if (range.size() < left - right)
        plot()->xAxis->setRange(right, left);
    else if (range.upper < left)
        plot()->xAxis->setRange(left - range.size(), left);
    else if (range.lower > right)
        plot()->xAxis->setRange(right, right + range.size());
}

void BitPlot::refresh() {
    const int slot = m_selection.current();
    if (!m_document.isOpen()) {
        setEmptyText(tr("Open a model: drop its file here, or use File ▸ Open model."));
        return;
    }
    if (slot < 0 || slot >= m_document.slotCount()) {
        setEmptyText(tr("Select a tensor in the tree to see its bits."));
        return;
    }
    const auto result = m_document.slotResult(slot);
    setEmptyText(result ? QString() : tr("Running: the histogram of this tensor comes with its first figures."));
    if (!result)
        return;
    const quant::QType& format = m_document.format(slot);
    m_ruler->setFormat(format);
    m_ruler->setVisible(format.hasPoint());

    const auto& bins = result->figures.before.log2;
    const int top = format.hasPoint() ? format.integerBits() - 1 : 100'000;
    const int bottom = format.hasPoint() ? -*format.fractionalBits : -100'000;
    QVector<double> keys[3], positive[3], negative[3];
    m_highest = 1;
    for (int i = 0; i < quant::kLog2Bins / 2 - 1; ++i) {
        const auto plus = static_cast<double>(bins[static_cast<std::size_t>(i)]);
        const auto minus = static_cast<double>(bins[static_cast<std::size_t>(i + quant::kLog2Bins / 2)]);
        const int exponent = i - quant::kExponentBias;
        if (plus + minus == 0)
            continue;
        const int part = exponent >= top ? 1 : exponent < bottom ? 2 : 0;
        keys[part] << exponent;
        positive[part] << plus;
        negative[part] << minus;
        m_highest = std::max(m_highest, plus + minus);
    }
    const Series* series[] = {&m_inside, &m_overflow, &m_lost};
    for (int part = 0; part < 3; ++part) {
        series[part]->positive->setData(keys[part], positive[part]);
        series[part]->negative->setData(keys[part], negative[part]);
    }
    for (QCPItemRect* area : {m_overflowArea, m_lostArea})
        area->setVisible(format.hasPoint());
    m_point->setVisible(format.hasPoint());
    m_overflowArea->topLeft->setCoords(kFar, 0);
    m_overflowArea->bottomRight->setCoords(top - 0.5, 1);
    m_lostArea->topLeft->setCoords(bottom - 0.5, 0);
    m_lostArea->bottomRight->setCoords(-kFar, 1);
    m_point->start->setCoords(-0.5, 0);
    m_point->end->setCoords(-0.5, 1);
    setLabels();
    if (m_shown != slot) {
        m_shown = slot;
        resetView();
    }
    showWord();
    colourBars(Theme(palette()));
    rescaleValues();
    placeRuler();
    plot()->replot(QCustomPlot::rpQueuedReplot);
}

void BitPlot::setLabels() {
    const auto result = m_document.slotResult(m_selection.current());
    const quant::Figures& figures = result->figures;
    const bool stale = m_document.isStale(m_selection.current());
    const QLocale locale;
    const QString mark = stale ? QStringLiteral("  · ") + staleText(m_document, m_selection.current()) : QString();
    m_overflowText->setText(result->format.isFloat() ? QString()
                                                     : tr("overflow %1 · %2")
                                                               .arg(locale.toString(qlonglong(figures.overflow())),
                                                                    percent(figures.overflow(), figures.count)) +
                                                           mark);
    m_lostText->setText(
        result->format.isFloat() ? tr("float: no bits yet; set a total and calibrate")
        : result->format.affine
            ? tr("a real-valued scale has no binary point; its levels are under Values")
            : tr("to zero %1 · %2")
                      .arg(locale.toString(qlonglong(figures.underflow)), percent(figures.underflow, figures.count)) +
                  mark);
    const Theme theme(palette());
    m_overflowText->setColor(stale || figures.overflow() == 0 ? theme.muted : theme.danger);
    m_lostText->setColor(theme.muted);
}

void BitPlot::resetView() {
    const auto result = m_document.slotResult(m_selection.current());
    if (!result)
        return;
    int low = 1000, high = -1000;
    const auto& bins = result->figures.before.log2;
    // Bins of next to nothing far from the rest would squeeze the rest.
    const std::int64_t least = result->figures.count / 20'000;
    for (int i = 0; i < quant::kLog2Bins / 2 - 1; ++i) {
        if (bins[static_cast<std::size_t>(i)] + bins[static_cast<std::size_t>(i + quant::kLog2Bins / 2)] > least) {
            low = std::min(low, i - quant::kExponentBias);
            high = std::max(high, i - quant::kExponentBias);
        }
    }
    const quant::QType& format = m_document.format(m_selection.current());
    if (low > high) {
        low = -4;
        high = 0;
    }
    if (format.hasPoint()) {
        high = std::max(high, format.integerBits() - 1);
        low = std::min(low, std::max(-*format.fractionalBits, high - 40));
    }
    high += 2;
    low -= 2;
    low = std::min(low, high - kLeastColumns);
    plot()->xAxis->setRange(low - 0.5, high + 0.5);
    rescaleValues();
}

void BitPlot::rescaleValues() {
    // The axes themselves get their new size only with the next replot.
    const QMargins margins = plot()->axisRect()->margins();
    const QRect area = plot()->viewport().marginsRemoved(margins);
    const QFontMetrics metrics(m_lostText->font());
    const auto width = [&](const QCPItemText* text) { return metrics.horizontalAdvance(text->text()); };
    const bool besides = width(m_overflowText) + width(m_lostText) + 16 < area.width() * 0.98;
    const int below = besides ? 0 : metrics.height(); // else they would run into each other
    // Head room for the ruler and the texts, in axis coordinates.
    const double height = std::max(120, area.height());
    const double room = height / std::max(40.0, height - kRulerSpace - 24 - below);
    if (isLogarithmic())
        plot()->yAxis->setRange(0.5, std::pow(m_highest, room) * 2);
    else
        plot()->yAxis->setRange(0, m_highest * room);
    m_overflowText->position->setCoords(m_overflowText->position->coords().x(), (kRulerSpace + 2) / height);
    m_lostText->position->setCoords(m_lostText->position->coords().x(), (kRulerSpace + 2 + below) / height);
}

void BitPlot::placeRuler() {
    const QRect area = plot()->axisRect()->rect();
    m_ruler->setGeometry(area.left(), area.top(), area.width(), kRulerSpace);
    const double origin = plot()->xAxis->coordToPixel(0) - area.left();
    m_ruler->setAxis(origin, std::abs(plot()->xAxis->coordToPixel(-1) - area.left() - origin));
}

void BitPlot::resizeEvent(QResizeEvent* event) {
    PlotWidget::resizeEvent(event);
    rescaleValues();
}

QString BitPlot::readout(double x, double) const {
    const auto result = m_document.slotResult(m_selection.current());
    const int exponent = static_cast<int>(std::lround(x));
    const int bin = exponent + quant::kExponentBias;
    if (!result || bin < 0 || bin >= quant::kLog2Bins / 2)
        return {};
    const auto& bins = result->figures.before.log2;
    const QLocale locale;
    return tr("%1 ≤ |x| < %2\n%3 positive, %4 negative")
        .arg(power(exponent), power(exponent + 1), locale.toString(qlonglong(bins[static_cast<std::size_t>(bin)])),
             locale.toString(qlonglong(bins[static_cast<std::size_t>(bin + quant::kLog2Bins / 2)])));
}

void BitPlot::colourBars(const Theme& theme) {
    const int slot = m_selection.current();
    // While newer figures are on their way, grey for the few milliseconds would only flicker.
    const bool past = m_document.slotResult(slot) && !m_document.isCatchingUp() && m_document.isInputStale(slot);
    const auto colour = [](const Series& series, const QColor& positive, const QColor& negative) {
        series.positive->setBrush(positive);
        series.negative->setBrush(negative);
    };
    colour(m_inside, past ? theme.lost : theme.accent, past ? theme.lostLight : theme.accentLight);
    colour(m_overflow, past ? theme.lost : theme.danger, past ? theme.lostLight : theme.dangerLight);
    colour(m_lost, theme.lost, theme.lostLight);
}

void BitPlot::restyle(const Theme& theme) {
    colourBars(theme);
    QColor red = theme.danger, grey = theme.lost;
    red.setAlphaF(0.07f);
    grey.setAlphaF(0.13f);
    m_overflowArea->setBrush(red);
    m_lostArea->setBrush(grey);
    m_point->setPen(QPen(theme.text, 1, Qt::DashLine));
    if (m_document.slotResult(m_selection.current()))
        setLabels();
}

QString BitPlot::csv() const {
    QString text = "exponent,negative,positive\n";
    if (const auto result = m_document.slotResult(m_selection.current())) {
        const auto& bins = result->figures.before.log2;
        for (int i = 0; i < quant::kLog2Bins / 2 - 1; ++i) {
            const auto plus = bins[static_cast<std::size_t>(i)],
                       minus = bins[static_cast<std::size_t>(i + quant::kLog2Bins / 2)];
            if (plus || minus)
                text += QStringLiteral("%1,%2,%3\n").arg(i - quant::kExponentBias).arg(minus).arg(plus);
        }
    }
    return text;
}

} // namespace fxp::views
