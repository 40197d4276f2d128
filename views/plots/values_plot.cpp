#include "views/plots/values_plot.h"

#include "views/format_actions.h"
#include "views/plots/count_ticker.h"
#include "views/plots/qcp.h"
#include "views/power_text.h"
#include "views/stale_text.h"
#include "views/theme.h"

#include <QLocale>

#include <algorithm>
#include <cmath>

namespace fxp::views {

namespace {

/// The integers k with low ≤ k · step ≤ high, or low < … where an end is open.
struct Codes {
    double first = 0, last = -1;
    double count() const { return std::max(0.0, last - first + 1); }
};

/// The grid's values that bin `i` counts: magnitudes from the inner edge on, up to the outer one; zero in the first
/// positive bin.
Codes codesIn(const quant::LinearRange& range, int i, double step) {
    const double width = range.binWidth(), low = range.low + i * width;
    if (low >= 0)
        return {std::ceil(low / step), std::ceil((low + width) / step) - 1};
    return {std::floor(low / step) + 1, low + width == 0 ? -1 : std::floor((low + width) / step)};
}

/// Bars over the values of the grid, so that bins with another number of grid values than their neighbours, and those
/// with none, show no hole that is not in the data.
std::vector<ValuesPlot::Bar> barsOf(const quant::SlotResult& result) {
    const quant::Figures& figures = result.figures;
    const double width = figures.linearRange.binWidth();
    const bool grid = result.format.isComplete() && !(result.format.affine && result.format.affine->perChannel());
    const double step = grid ? result.format.lsb() : 0;
    std::vector<ValuesPlot::Bar> bars;
    for (int i = 0; i < quant::kLinearBins; ++i) {
        const std::int64_t count = figures.after.linear[static_cast<std::size_t>(i)];
        const double low = figures.linearRange.low + i * width;
        const Codes codes = grid ? codesIn(figures.linearRange, i, step) : Codes();
        ValuesPlot::Bar bar{low, low + width, static_cast<double>(count), count};
        if (codes.count() > 0) {
            bar.low = (codes.first - 0.5) * step;
            bar.high = (codes.last + 0.5) * step;
            bar.height = static_cast<double>(count) * width / (codes.count() * step);
        }
        if (count > 0)
            bars.push_back(bar);
    }
    return bars;
}

} // namespace

ValuesPlot::ValuesPlot(model::Document& document, Selection& selection, QWidget* parent)
    : PlotWidget(tr("values"), parent), m_document(document), m_selection(selection), m_fixed(plot()->addGraph()),
      m_before(plot()->addGraph()), m_float(plot()->addGraph()) {
    m_fixed->setPen(Qt::NoPen);
    m_fixed->setAdaptiveSampling(false); // it would cut corners off
    m_fixed->setName(tr("fixed"));
    m_before->setName(tr("before its quantizer"));
    m_float->setName(tr("float model"));
    plot()->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new CountTicker));
    plot()->yAxis->ticker()->setTickCount(2);
    for (int i = 0; i < 2; ++i) {
        m_limits[i] = new QCPItemLine(plot());
        m_limitTexts[i] = new QCPItemText(plot());
        for (QCPItemPosition* end : {m_limits[i]->start, m_limits[i]->end})
            end->setTypeY(QCPItemPosition::ptAxisRectRatio);
        m_limitTexts[i]->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
        m_limitTexts[i]->setPositionAlignment(Qt::AlignTop | (i == 0 ? Qt::AlignRight : Qt::AlignLeft));
        m_limitTexts[i]->setPadding(QMargins(4, 0, 4, 0));
    }
    for (const auto signal : {&model::Document::modelChanged, &model::Document::samplesChanged,
                              &model::Document::formatsChanged, &model::Document::resultChanged})
        connect(&document, signal, this, &ValuesPlot::refresh);
    connect(&selection, &Selection::changed, this, &ValuesPlot::refresh);
    setFormatActions(new FormatActions(document, selection, this));
    applyTheme();
    refresh();
}

void ValuesPlot::refresh() {
    const int slot = m_selection.current();
    const auto result = m_document.slotResult(slot);
    setEmptyText(result ? QString() : tr("Values of the selected tensor, float and fixed."));
    if (!result)
        return;
    const quant::Figures& figures = result->figures;
    const double width = figures.linearRange.binWidth();
    QVector<double> keys, before, real;
    double lineTop = 0;
    for (std::size_t i = 0; i < quant::kLinearBins; ++i) {
        keys << figures.linearRange.low + (static_cast<double>(i) + 0.5) * width;
        before << static_cast<double>(figures.before.linear[i]);
        real << static_cast<double>(result->localFigures.before.linear[i]);
        lineTop = std::max({lineTop, before.back(), real.back()});
    }
    m_bars = barsOf(*result);
    // Outlines, since bars differ in width: with a gap between them where it can be seen.
    QVector<double> edges, heights;
    m_highest = std::max(1.0, lineTop);
    for (const Bar& bar : m_bars) {
        const double gap = 0.04 * std::min(width, bar.high - bar.low);
        edges << bar.low + gap << bar.low + gap << bar.high - gap << bar.high - gap;
        heights << 0 << bar.height << bar.height << 0;
        m_highest = std::max(m_highest, bar.height);
    }
    // What overflows stands in the end values: the line is what must stay readable beside them.
    if (m_highest > 4 * lineTop && lineTop > 0)
        m_highest = 4 * lineTop;
    m_fixed->setData(edges, heights, true);
    m_before->setData(keys, before, true);
    m_before->setVisible(before != real);
    m_float->setData(keys, real, true);
    colourBars(Theme(palette()));
    const quant::QType& format = m_document.format(slot);
    for (int i = 0; i < 2; ++i) {
        m_limits[i]->setVisible(format.isComplete());
        m_limitTexts[i]->setVisible(format.isComplete());
        if (!format.isComplete())
            continue;
        const double limit = i == 0 ? format.lowest() : format.highest();
        m_limits[i]->start->setCoords(limit, 0);
        m_limits[i]->end->setCoords(limit, 1);
        m_limitTexts[i]->position->setCoords(limit, 0);
        m_limitTexts[i]->setText(numberText(limit, 6));
    }
    if (m_shown != slot) {
        m_shown = slot;
        resetView();
    }
    rescaleValues();
    plot()->replot(QCustomPlot::rpQueuedReplot);
}

void ValuesPlot::resetView() {
    const auto result = m_document.slotResult(m_selection.current());
    if (!result)
        return;
    const quant::Figures& figures = result->figures;
    const double low = std::min(figures.min, result->localFigures.min);
    const double high = std::max(figures.max, result->localFigures.max);
    const double margin = 0.12 * (high - low) + 2 * figures.linearRange.binWidth();
    plot()->xAxis->setRange(low - margin, high + margin);
    rescaleValues();
}

void ValuesPlot::rescaleValues() {
    if (isLogarithmic())
        plot()->yAxis->setRange(0.5, m_highest * 2);
    else
        plot()->yAxis->setRange(0, m_highest * 1.08);
}

QString ValuesPlot::readout(double x, double) const {
    const auto result = m_document.slotResult(m_selection.current());
    if (!result)
        return {};
    const quant::Figures& figures = result->figures;
    const int bin = static_cast<int>((x - figures.linearRange.low) / figures.linearRange.binWidth());
    if (x < figures.linearRange.low || bin >= quant::kLinearBins)
        return {};
    const double low = figures.linearRange.low + bin * figures.linearRange.binWidth();
    const QLocale locale;
    QString text =
        tr("%1 … %2\nfloat model %3, before its quantizer %4")
            .arg(numberText(low, 4), numberText(low + figures.linearRange.binWidth(), 4))
            .arg(locale.toString(qlonglong(result->localFigures.before.linear[static_cast<std::size_t>(bin)])),
                 locale.toString(qlonglong(figures.before.linear[static_cast<std::size_t>(bin)])));
    const auto bar = std::ranges::find_if(m_bars, [x](const Bar& one) { return one.low <= x && x < one.high; });
    if (bar != m_bars.end())
        text += tr("\nfixed, %1 … %2: %3")
                    .arg(numberText(bar->low, 4), numberText(bar->high, 4))
                    .arg(locale.toString(qlonglong(bar->count)));
    if (m_document.isStale(m_selection.current()))
        text += '\n' + staleText(m_document, m_selection.current());
    return text;
}

void ValuesPlot::colourBars(const Theme& theme) {
    const int slot = m_selection.current();
    const bool past = m_document.slotResult(slot) && !m_document.isCatchingUp() && m_document.isStale(slot);
    m_fixed->setBrush(past ? theme.lostLight : theme.accentLight);
}

void ValuesPlot::restyle(const Theme& theme) {
    colourBars(theme);
    m_float->setPen(QPen(theme.text, 1.3));
    m_before->setPen(QPen(theme.text, 1.3, Qt::DotLine));
    for (int i = 0; i < 2; ++i) {
        m_limits[i]->setPen(QPen(theme.danger, 1, Qt::DashLine));
        m_limitTexts[i]->setColor(theme.danger);
    }
}

QString ValuesPlot::csv() const {
    QString text = "low,high,float_model,before,fixed\n";
    if (const auto result = m_document.slotResult(m_selection.current())) {
        const quant::Figures& figures = result->figures;
        for (int i = 0; i < quant::kLinearBins; ++i) {
            const double low = figures.linearRange.low + i * figures.linearRange.binWidth();
            text += QStringLiteral("%1,%2,%3,%4,%5\n")
                        .arg(low, 0, 'g', 9)
                        .arg(low + figures.linearRange.binWidth(), 0, 'g', 9)
                        .arg(result->localFigures.before.linear[static_cast<std::size_t>(i)])
                        .arg(figures.before.linear[static_cast<std::size_t>(i)])
                        .arg(figures.after.linear[static_cast<std::size_t>(i)]);
        }
    }
    return text;
}

} // namespace fxp::views
