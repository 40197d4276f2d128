#include "views/plots/values_plot.h"

#include "views/plots/count_ticker.h"
#include "views/plots/qcp.h"
#include "views/theme.h"

#include <QLocale>

#include <algorithm>

namespace fxp::views {

ValuesPlot::ValuesPlot(model::Document& document, Selection& selection, QWidget* parent)
    : PlotWidget(tr("values"), parent), m_document(document), m_selection(selection),
      m_fixed(new QCPBars(plot()->xAxis, plot()->yAxis)), m_float(plot()->addGraph()) {
    m_fixed->setPen(Qt::NoPen);
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
    QVector<double> keys, fixed, real;
    m_highest = 1;
    for (int i = 0; i < quant::kLinearBins; ++i) {
        keys << figures.linearRange.low + (i + 0.5) * width;
        fixed << static_cast<double>(figures.after.linear[static_cast<std::size_t>(i)]);
        real << static_cast<double>(figures.before.linear[static_cast<std::size_t>(i)]);
        m_highest = std::max({m_highest, fixed.back(), real.back()});
    }
    // A coarse grid puts all values into few bins: the line is what must stay readable beside them.
    const double lineTop = *std::ranges::max_element(real);
    if (m_highest > 4 * lineTop && lineTop > 0)
        m_highest = 4 * lineTop;
    m_fixed->setWidth(width * 0.95);
    m_fixed->setData(keys, fixed, true);
    m_float->setData(keys, real, true);
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
        m_limitTexts[i]->setText(QString::number(limit, 'g', 6));
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
    const double margin = 0.12 * (figures.max - figures.min) + 2 * figures.linearRange.binWidth();
    plot()->xAxis->setRange(figures.min - margin, figures.max + margin);
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
    return tr("%1 … %2\nfloat %3, fixed %4")
        .arg(low, 0, 'g', 4)
        .arg(low + figures.linearRange.binWidth(), 0, 'g', 4)
        .arg(locale.toString(qlonglong(figures.before.linear[static_cast<std::size_t>(bin)])),
             locale.toString(qlonglong(figures.after.linear[static_cast<std::size_t>(bin)])));
}

void ValuesPlot::restyle(const Theme& theme) {
    m_fixed->setBrush(theme.accentLight);
    m_float->setPen(QPen(theme.text, 1.3));
    for (int i = 0; i < 2; ++i) {
        m_limits[i]->setPen(QPen(theme.danger, 1, Qt::DashLine));
        m_limitTexts[i]->setColor(theme.danger);
    }
}

QString ValuesPlot::csv() const {
    QString text = "low,high,float,fixed\n";
    if (const auto result = m_document.slotResult(m_selection.current())) {
        const quant::Figures& figures = result->figures;
        for (int i = 0; i < quant::kLinearBins; ++i) {
            const double low = figures.linearRange.low + i * figures.linearRange.binWidth();
            text += QStringLiteral("%1,%2,%3,%4\n")
                        .arg(low, 0, 'g', 9)
                        .arg(low + figures.linearRange.binWidth(), 0, 'g', 9)
                        .arg(figures.before.linear[static_cast<std::size_t>(i)])
                        .arg(figures.after.linear[static_cast<std::size_t>(i)]);
        }
    }
    return text;
}

} // namespace fxp::views
