#include "views/plots/network_plot.h"

#include "model/thresholds.h"
#include "views/format_actions.h"
#include "views/plots/qcp.h"
#include "views/power_text.h"
#include "views/stale_text.h"
#include "views/theme.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace fxp::views {

namespace {

/// What an exact tensor's bar stands at: no dB figure goes there in practice.
constexpr double kExact = 60;

constexpr int kLongestName = 120, kBetweenNames = 10; ///< pixels

/// How many parts the modules of all layers begin with; a layer that is in no module does not count.
qsizetype commonParts(const std::vector<QStringList>& layers) {
    QStringList common;
    bool first = true;
    for (const QStringList& layer : layers) {
        const QStringList module = layer.first(std::max<qsizetype>(0, layer.size() - 1));
        if (module.isEmpty())
            continue;
        if (std::exchange(first, false))
            common = module;
        const auto [differs, end] = std::ranges::mismatch(common, module);
        common.erase(differs, common.end());
    }
    return common.size();
}

bool isNumber(const QString& part) {
    bool number = false;
    part.toInt(&number);
    return number;
}

/// The module's name inside what all have in common: `layers.0` of encoder.layers.0, `stem` of stem.0.
QString nameInside(const QStringList& path, qsizetype common) {
    if (path.isEmpty())
        return {};
    const qsizetype at = std::min(common, path.size() - 1);
    if (at + 2 < path.size() && isNumber(path[at + 2]))
        return path[at + 1] + "." + path[at + 2];
    return isNumber(path[at]) && at > 0 ? path[at - 1] + "." + path[at] : path[at];
}

} // namespace

NetworkPlot::NetworkPlot(model::Document& document, Selection& selection, QWidget* parent)
    : PlotWidget(tr("along the network"), parent), m_document(document), m_selection(selection),
      m_good(new QCPBars(plot()->xAxis, plot()->yAxis)), m_weak(new QCPBars(plot()->xAxis, plot()->yAxis)),
      m_bad(new QCPBars(plot()->xAxis, plot()->yAxis)), m_stale(new QCPBars(plot()->xAxis, plot()->yAxis)),
      m_selected(new QCPBars(plot()->xAxis, plot()->yAxis)), m_overflow(new QCPBars(plot()->xAxis, plot()->yAxis)) {
    for (QCPBars* bars : {m_good, m_weak, m_bad, m_stale, m_selected, m_overflow}) {
        bars->setPen(Qt::NoPen);
        bars->setWidth(0.86);
    }
    plot()->yAxis->ticker()->setTickCount(2);
    for (const auto signal : {&model::Document::modelChanged, &model::Document::samplesChanged})
        connect(&document, signal, this, [this] {
            refresh();
            resetView();
            plot()->replot();
        });
    const auto labelAnew = [this] {
        label();
        plot()->replot(QCustomPlot::rpQueuedReplot);
    };
    connect(plot()->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, labelAnew);
    connect(plot(), &QCustomPlot::afterLayout, this, [this, labelAnew] {
        if (plot()->axisRect()->width() != m_labelledWidth)
            labelAnew();
    });
    connect(&document, &model::Document::resultChanged, this, &NetworkPlot::refresh);
    connect(&document, &model::Document::formatsChanged, this, &NetworkPlot::refresh);
    connect(&selection, &Selection::changed, this, &NetworkPlot::refresh);
    setFormatActions(new FormatActions(document, selection, this));
    applyTheme();
    refresh();
}

void NetworkPlot::refresh() {
    const std::size_t before = m_order.size();
    m_order.clear();
    for (int slot = 0; slot < m_document.slotCount(); ++slot) {
        const quant::SlotInfo& info = m_document.slotInfos()[static_cast<std::size_t>(slot)];
        const bool idle = info.optional && !m_document.format(slot).isComplete(); // an exact accumulator
        if (!info.parameter && !idle && m_document.slotResult(slot))
            m_order.push_back(slot);
    }
    setEmptyText(m_order.empty() ? tr("The error of every tensor along the network, once a model has run.")
                                 : QString());
    QVector<double> keys[5], values[5], red, redKeys, base;
    m_highest = 10;
    for (std::size_t i = 0; i < m_order.size(); ++i) {
        const int slot = m_order[i];
        const quant::Figures& figures = m_document.slotResult(slot)->figures;
        const double sqnr = figures.referenceSqnr();
        const double height = std::isfinite(sqnr) ? std::max(0.5, sqnr) : sqnr > 0 ? kExact : 0.5;
        const int kind = slot == m_selection.current()                    ? 3
                         : m_document.isStale(slot)                       ? 2
                         : std::isinf(sqnr) && sqnr > 0                   ? 0
                         : model::gradeOfSqnr(sqnr) == model::Grade::Bad  ? 4
                         : model::gradeOfSqnr(sqnr) == model::Grade::Weak ? 1
                                                                          : 0;
        keys[kind] << static_cast<double>(i);
        values[kind] << height;
        m_highest = std::max(m_highest, height);
        if (figures.overflow() > 0) {
            redKeys << static_cast<double>(i);
            red << figures.overflowShare();
            base << height;
        }
    }
    QCPBars* bars[] = {m_good, m_weak, m_stale, m_selected, m_bad};
    for (int kind = 0; kind < 5; ++kind)
        bars[kind]->setData(keys[kind], values[kind], true);
    // Red on top of a bar: 1 % of overflow is a sixth of the scale, 100 % half of it.
    QVector<double> tops;
    for (int i = 0; i < red.size(); ++i)
        tops << std::min(m_highest * 1.3, base[i] + m_highest * (0.05 + 0.1 * std::log10(1 + 1000 * red[i])));
    m_overflow->setData(redKeys, tops, true);
    m_overflow->setLayer("main");
    for (QCPBars* bar : bars) // over the red ones
        bar->setLayer("axes");
    label();
    if (before != m_order.size())
        resetView();
    rescaleValues();
    plot()->replot(QCustomPlot::rpQueuedReplot);
}

void NetworkPlot::label() {
    // The outermost modules, or those inside the only one there is, each named where it begins and where there is room.
    const QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
    std::vector<QStringList> paths;
    for (const int slot : m_order)
        paths.push_back(
            QString::fromStdString(m_document.slotInfos()[static_cast<std::size_t>(slot)].layerPath).split('.'));
    const qsizetype common = commonParts(paths);
    const QFontMetrics metrics(plot()->xAxis->tickLabelFont());
    const QRect area = plot()->axisRect()->rect();
    m_labels.clear();
    m_labelledWidth = area.width();
    QString last;
    int free = area.left() - kBetweenNames;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const QString name = nameInside(paths[i], common);
        if (name == last)
            continue;
        last = name;
        const QString shown = metrics.elidedText(name, Qt::ElideMiddle, kLongestName);
        const int width = metrics.horizontalAdvance(shown);
        const auto middle = static_cast<int>(plot()->xAxis->coordToPixel(static_cast<double>(i)));
        const int left = middle - width / 2;
        if (middle < area.left() || middle > area.right() || left < free || left + width > plot()->width())
            continue;
        ticker->addTick(static_cast<double>(i), shown);
        m_labels.push_back({name, QRect(left, area.bottom(), width, metrics.height())});
        free = left + width + kBetweenNames;
    }
    plot()->xAxis->setTicker(ticker);
}

int NetworkPlot::slotAt(double x) const {
    const auto i = static_cast<std::int64_t>(std::lround(x));
    return i >= 0 && i < static_cast<std::int64_t>(m_order.size()) ? m_order[static_cast<std::size_t>(i)] : -1;
}

void NetworkPlot::clicked(double x, double) {
    if (const int slot = slotAt(x); slot >= 0)
        m_selection.select(slot);
}

void NetworkPlot::walk(int steps) {
    if (m_order.empty())
        return;
    // A tensor that has no bar (a parameter) stands before those that are computed after it.
    const auto at = std::ranges::lower_bound(m_order, m_selection.current());
    const bool onBar = at != m_order.end() && *at == m_selection.current();
    const auto wanted = at - m_order.begin() + steps - (steps > 0 && !onBar ? 1 : 0);
    const auto last = static_cast<std::ptrdiff_t>(m_order.size()) - 1;
    select(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(wanted, 0, last)));
}

void NetworkPlot::walkToEnd(bool last) {
    if (!m_order.empty())
        select(last ? m_order.size() - 1 : 0);
}

void NetworkPlot::select(std::size_t place) {
    m_selection.select(m_order[place]);
    // A bar outside the view is brought into it.
    const QCPRange range = plot()->xAxis->range();
    const auto x = static_cast<double>(place);
    if (!range.contains(x)) {
        const double low = x < range.lower ? x - 0.8 : x + 0.8 - range.size();
        plot()->xAxis->setRange(low, low + range.size());
        plot()->replot(QCustomPlot::rpQueuedReplot);
    }
}

void NetworkPlot::resetView() {
    plot()->xAxis->setRange(-0.8, std::max(1.0, static_cast<double>(m_order.size()) - 0.2));
    rescaleValues();
}

void NetworkPlot::rescaleValues() {
    plot()->yAxis->setRange(isLogarithmic() ? 0.5 : 0, m_highest * 1.35);
}

QString NetworkPlot::readout(double x, double) const {
    const int slot = slotAt(x);
    if (slot < 0)
        return {};
    const quant::Figures& figures = m_document.slotResult(slot)->figures;
    QString text =
        QString::fromStdString(m_document.slotInfos()[static_cast<std::size_t>(slot)].path) + "\n" +
        (std::isfinite(figures.referenceSqnr()) ? tr("%1 dB against float").arg(fixedText(figures.referenceSqnr(), 1))
                                                : tr("equal to float"));
    text += tr("\noverflow %1 %").arg(100 * figures.overflowShare(), 0, 'f', 2);
    if (m_document.isStale(slot))
        text += '\n' + staleText(m_document, slot);
    return text;
}

void NetworkPlot::restyle(const Theme& theme) {
    m_good->setBrush(theme.accentLight);
    m_weak->setBrush(theme.warning);
    m_bad->setBrush(theme.danger);
    m_stale->setBrush(theme.grid);
    m_selected->setBrush(theme.text);
    m_overflow->setBrush(theme.danger);
}

QString NetworkPlot::csv() const {
    QString text = "tensor,sqnr_against_float_db,overflow_share\n";
    for (const int slot : m_order) {
        const quant::Figures& figures = m_document.slotResult(slot)->figures;
        text += QStringLiteral("%1,%2,%3\n")
                    .arg(QString::fromStdString(m_document.slotInfos()[static_cast<std::size_t>(slot)].path))
                    .arg(figures.referenceSqnr(), 0, 'g', 9)
                    .arg(figures.overflowShare(), 0, 'g', 9);
    }
    return text;
}

} // namespace fxp::views
