#include "views/inspector/effect_panel.h"

#include "quant/core/notation.h"
#include "views/power_text.h"
#include "views/stale_text.h"

#include <QGridLayout>
#include <QLabel>
#include <QLocale>
#include <QStyle>

#include <cmath>

namespace fxp::views {

namespace {

QString number(double value) {
    return numberText(value, 5);
}

QString decibels(double value) {
    return std::isinf(value) ? (value > 0 ? EffectPanel::tr("no error") : EffectPanel::tr("no signal"))
                             : fixedText(value, 1) + " dB";
}

void setLook(QLabel* label, const char* name) {
    if (label->objectName() == name)
        return;
    label->setObjectName(name);
    label->style()->unpolish(label);
    label->style()->polish(label);
}

} // namespace

QLabel* EffectPanel::addRow(const QString& name, const QString& meaning, int section) {
    auto* label = new QLabel(name);
    label->setObjectName("muted");
    const QString tip = QStringLiteral("<p>%1</p><p>%2</p>")
                            .arg(meaning, tr("Exactly: Help ▸ What the numbers mean, section %1.").arg(section));
    auto* value = new QLabel;
    value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    value->setTextInteractionFlags(Qt::TextSelectableByMouse);
    value->setWordWrap(true); // two lines before a digit is cut
    value->setAccessibleName(name);
    value->setAccessibleDescription(meaning);
    for (QLabel* part : {label, value}) {
        part->setToolTip(tip);
        part->setWhatsThis(tip);
    }
    auto* grid = static_cast<QGridLayout*>(layout());
    const int row = grid->rowCount();
    grid->addWidget(label, row, 0);
    grid->addWidget(value, row, 1);
    return value;
}

EffectPanel::EffectPanel(model::Document& document, Selection& selection, QWidget* parent)
    : QWidget(parent), m_document(document), m_selection(selection), m_state(new QLabel) {
    // Not a QFormLayout: that keeps the height of a row whose text gets longer, and cuts its second line.
    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(16, 10, 16, 10);
    grid->setVerticalSpacing(4);
    grid->setColumnStretch(1, 1);
    auto* heading = new QLabel(tr("What it does to this tensor"));
    heading->setObjectName("heading");
    m_state->setObjectName("muted");
    m_state->setAlignment(Qt::AlignRight);
    m_state->setAccessibleName(tr("State of the figures"));
    grid->addWidget(heading, 0, 0);
    grid->addWidget(m_state, 0, 1);
    m_range = addRow(tr("Range"), tr("The least and the greatest value that the format has."), 1);
    m_step =
        addRow(tr("Step (LSB)"), tr("The distance from one value of the format to the next: 2 to the minus F."), 1);
    m_data = addRow(tr("Data"), tr("The least and the greatest value of the tensor before it is quantized."), 7);
    m_overflow = addRow(tr("Overflow, low · high"),
                        tr("How many values lie, once rounded, below and above the range; their share of all."), 7);
    m_underflow = addRow(tr("Non-zero to zero"), tr("How many values were not 0 and became 0."), 7);
    m_alone = addRow(
        tr("SQNR, this tensor alone"),
        tr("Signal to noise of this format by itself, on the float model's values: 10·log₁₀(Σx² / Σ(y − x)²)."), 7);
    m_accumulated = addRow(tr("SQNR against float"),
                           tr("Signal to noise of all that was quantized up to here, against the same tensor of the "
                              "float model: 10·log₁₀(Σr² / Σ(y − r)²)."),
                           7);
    m_error = addRow(tr("Largest error"), tr("The greatest difference between a value and its quantized one."), 7);
    m_bias =
        addRow(tr("Bias, mean · outward"),
               tr("Mean of y − x, and of sign(x)·(y − x), in LSB: only the second shows that magnitudes shrink."), 7);
    m_fits = addRow(tr("Fits without overflow"), tr("Formats of so many bits whose range holds all data."), 4);
    m_sums = addRow(tr("Accumulator needs"),
                    tr("Bits of the layer's exact sums: what no data of these formats exceeds, and what this run's "
                       "largest sum needs."),
                    6);
    for (const auto signal : {&model::Document::modelChanged, &model::Document::formatsChanged,
                              &model::Document::resultChanged, &model::Document::samplesChanged})
        connect(&document, signal, this, &EffectPanel::refresh);
    connect(&selection, &Selection::changed, this, &EffectPanel::refresh);
    refresh();
}

void EffectPanel::showSums(int slot) {
    const auto result = m_document.result();
    const auto& infos = m_document.slotInfos();
    const quant::SlotInfo& info = infos[static_cast<std::size_t>(slot)];
    for (std::size_t i = 0; result && i < infos.size() && i < result->accumulators.size(); ++i) {
        const quant::AccumulatorUse& use = result->accumulators[i];
        if (!infos[i].optional || infos[i].layerPath != info.layerPath || use.worstBits == 0)
            continue;
        // A layer of several sums has an accumulator for each: its own is shown for it, the first for the rest.
        if (info.optional && infos[i].path != info.path)
            continue;
        m_sums->setText(tr("%1 bits · %2 seen").arg(use.worstBits).arg(use.observedBits));
        return;
    }
}

void EffectPanel::refresh() {
    const int slot = m_selection.current();
    const bool any = slot >= 0 && slot < m_document.slotCount();
    const auto result = any ? m_document.slotResult(slot) : nullptr;
    const QString none = QStringLiteral("–");
    for (QLabel* label :
         {m_range, m_step, m_data, m_overflow, m_underflow, m_alone, m_accumulated, m_error, m_bias, m_fits, m_sums})
        label->setText(none);
    m_state->clear();
    if (!any)
        return;
    const quant::QType& format = m_document.format(slot);
    if (format.isComplete()) {
        m_range->setText(number(format.lowest()) + " … " + number(format.highest()));
        m_step->setText(format.hasPoint()
                            ? number(format.lsb()) + " = " + power(-*format.fractionalBits)
                            : QString::fromStdString(quant::write(format, quant::Notation::SignIntegerFraction)));
    } else {
        m_range->setText(tr("float32"));
    }
    showSums(slot);
    if (!result)
        return;
    const bool stale = m_document.isStale(slot);
    m_state->setText(stale ? staleText(m_document, slot) : QString());
    const quant::Figures& f = result->figures;
    const QLocale locale;
    const auto share = [&](std::int64_t part) {
        return f.count ? QStringLiteral(" (%1 %)").arg(100.0 * double(part) / double(f.count), 0, 'f', 1) : QString();
    };
    m_data->setText(number(f.min) + " … " + number(f.max));
    m_overflow->setText(locale.toString(qlonglong(f.overflowLow)) + " · " + locale.toString(qlonglong(f.overflowHigh)) +
                        (f.overflow() ? share(f.overflow()) : QString()));
    const bool divides = m_document.slotInfos()[static_cast<std::size_t>(slot)].divisor && f.underflow > 0;
    m_underflow->setToolTip(divides ? tr("The layer divides by this tensor: values that became 0 ruin what follows")
                                    : m_underflow->whatsThis());
    m_underflow->setText(locale.toString(qlonglong(f.underflow)) + (f.underflow ? share(f.underflow) : QString()) +
                         (divides ? tr(", a divisor") : QString()));
    m_alone->setText(decibels(result->localFigures.sqnr()));
    m_accumulated->setText(decibels(f.referenceSqnr()));
    m_error->setText(number(f.maxError));
    if (result->format.isComplete())
        m_bias->setText(
            tr("%1 · %2 LSB")
                .arg(fixedText(f.bias(result->format.lsb()), 3), fixedText(f.outwardBias(result->format.lsb()), 3)));
    if (std::isfinite(f.min) && std::isfinite(f.max)) {
        QStringList fits;
        const int own = format.totalBits.value_or(8);
        for (const int total : {own, own == 8 ? 16 : 8}) {
            const quant::QType fit = quant::noOverflow(f.range(), {total, std::nullopt, {}, {}, {}}, "");
            fits << tr("%1\u00A0bits:\u00A0%2") // a line ends between two formats, not within one
                        .arg(total)
                        .arg(QString::fromStdString(quant::write(fit, quant::Notation::SignIntegerFraction)));
        }
        m_fits->setText(fits.join(" · "));
    }
    for (QLabel* label : {m_data, m_alone, m_accumulated, m_error, m_bias, m_fits, m_sums})
        setLook(label, stale ? "muted" : "");
    setLook(m_underflow, stale ? "muted" : divides ? "danger" : "");
    setLook(m_overflow, stale ? "muted" : f.overflow() > 0 ? "danger" : "");
}

} // namespace fxp::views
