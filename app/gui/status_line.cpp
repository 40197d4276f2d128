#include "app/gui/status_line.h"

#include "model/thresholds.h"
#include "quant/io/report.h"
#include "views/power_text.h"
#include "views/stale_text.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QStyle>

#include <cmath>

namespace fxp::gui {

namespace {

constexpr int kLongestTask = 48; ///< letters

QString percent(double share) {
    return QString::number(100 * share, 'f', 1) + " %";
}

void setLook(QLabel* label, const char* name) {
    label->setObjectName(name);
    label->style()->unpolish(label);
    label->style()->polish(label);
}

/// The figure and, where it is not good, a word for it.
QString sqnrText(double sqnr) {
    if (!std::isfinite(sqnr))
        return sqnr > 0 ? StatusLine::tr("equal") : StatusLine::tr("no number");
    const QString text = views::fixedText(sqnr, 1) + " dB";
    switch (model::gradeOfSqnr(sqnr)) {
    case model::Grade::Good: return text;
    case model::Grade::Weak: return StatusLine::tr("%1, weak").arg(text);
    case model::Grade::Bad: return StatusLine::tr("%1, collapsed").arg(text);
    }
    return text;
}

QString accuracyTip() {
    return StatusLine::tr("Share of samples whose class is the label's, float and fixed");
}

QString sizeText(std::int64_t bits) {
    if (bits < 10'000)
        return StatusLine::tr("%1 bit").arg(bits);
    return bits < 10'000'000 ? StatusLine::tr("%1 kbit").arg(std::llround(double(bits) / 1e3))
                             : StatusLine::tr("%1 Mbit").arg(double(bits) / 1e6, 0, 'f', 1);
}

} // namespace

QLabel* StatusLine::addFigure(const QString& name, const QString& tip) {
    auto* box = new QWidget;
    auto* layout = new QHBoxLayout(box);
    layout->setContentsMargins(10, 2, 14, 2);
    layout->setSpacing(8);
    auto* label = new QLabel(name);
    label->setObjectName("muted");
    auto* value = new QLabel(QStringLiteral("–"));
    value->setAccessibleName(name);
    layout->addWidget(label);
    layout->addWidget(value);
    box->setToolTip(tip);
    box->setParent(m_figures);
    m_boxes << box;
    return value;
}

void StatusLine::showWhatFits() {
    int left = 0;
    for (QWidget* box : m_boxes) {
        const int width = box->sizeHint().width();
        box->setVisible(left + width <= m_figures->width());
        box->setGeometry(left, 0, width, m_figures->height());
        left += width;
    }
}

bool StatusLine::eventFilter(QObject* watched, QEvent* event) {
    // A figure that changes its text asks its parent for another layout.
    if (watched == m_figures && (event->type() == QEvent::Resize || event->type() == QEvent::LayoutRequest))
        showWhatFits();
    return QStatusBar::eventFilter(watched, event);
}

StatusLine::StatusLine(model::Document& document, QWidget* parent)
    : QStatusBar(parent), m_document(document), m_figures(new QWidget), m_task(new QLabel),
      m_progress(new QProgressBar), m_cancel(new QPushButton(tr("Cancel"))) {
    setSizeGripEnabled(false);
    m_figures->setMinimumHeight(fontMetrics().height() + 6);
    m_figures->installEventFilter(this);
    addWidget(m_figures, 1);
    m_accuracy = addFigure(tr("Accuracy"), accuracyTip());
    m_sqnr = addFigure(tr("Output SQNR"), tr("The model's first output, fixed against float"));
    m_overflow = addFigure(tr("Overflow"), tr("Tensors of which more than 1 % overflows"));
    m_weights = addFigure(tr("Weights"), tr("Bits of all parameters as stored"));
    m_time = addFigure(tr("Last run"), tr("From the edit to the model's output"));
    m_progress->setFixedWidth(140);
    m_progress->setTextVisible(false);
    m_progress->setMaximumHeight(8);
    m_progress->setRange(0, 1000);
    m_task->setObjectName("muted");
    addPermanentWidget(m_task);
    addPermanentWidget(m_progress);
    m_cancel->setToolTip(tr("Stop what is under way; what is shown stays (Esc)"));
    addPermanentWidget(m_cancel);
    for (QWidget* widget : std::initializer_list<QWidget*>{m_task, m_progress, m_cancel})
        widget->hide();
    connect(m_cancel, &QPushButton::clicked, &document, &model::Document::cancel);
    connect(&document, &model::Document::progressed, this,
            [this](double share) { m_progress->setValue(int(1000 * share)); });
    connect(&document, &model::Document::busyChanged, this, [this](bool busy, const QString& what) {
        m_task->setText(
            fontMetrics().elidedText(what, Qt::ElideMiddle, fontMetrics().averageCharWidth() * kLongestTask));
        m_progress->setValue(0);
        // Short runs come and go under the pointer: only what has something to cancel is shown.
        const bool shown = m_document.isBusyInForeground();
        for (QWidget* widget : std::initializer_list<QWidget*>{m_task, m_progress, m_cancel})
            widget->setVisible(shown || (busy && m_document.isOpen() && m_document.model()->sampleCount > 2000));
    });
    for (const auto signal : {&model::Document::modelChanged, &model::Document::formatsChanged,
                              &model::Document::resultChanged, &model::Document::samplesChanged})
        connect(&document, signal, this, [this] {
            refresh();
            showWhatFits();
        });
}

void StatusLine::refresh() {
    const auto result = m_document.result();
    const QString none = QStringLiteral("–");
    const bool stale = !result || result->outputsStale;
    for (QLabel* label : {m_accuracy, m_sqnr, m_overflow, m_time})
        setLook(label, stale ? "muted" : "");
    if (!m_document.isOpen())
        return;
    const auto bits = quant::weightBits(m_document.slotInfos(), m_document.formats());
    m_weights->setText(bits.asFloat == 0
                           ? none
                           : tr("%1, %2× smaller than float32")
                                 .arg(sizeText(bits.fixed))
                                 .arg(double(bits.asFloat) / double(std::max<std::int64_t>(1, bits.fixed)), 0, 'f', 1));
    const QString note = result ? QString::fromStdString(result->predictions.note) : QString();
    m_accuracy->parentWidget()->setToolTip(note.isEmpty() ? accuracyTip() : note);
    if (!result || result->outputs.empty()) {
        for (QLabel* label : {m_accuracy, m_sqnr, m_overflow, m_time})
            label->setText(none);
        return;
    }
    // Float is the model as it came: with trained weights it would say nothing of what quantization costs.
    const bool original = m_document.hasOtherWeights() && m_document.fileAccuracy();
    const auto fixed = result->predictions.accuracyFixed();
    const auto real = original ? m_document.fileAccuracy() : result->predictions.accuracyFloat();
    const auto agreement = result->predictions.agreement();
    QString accuracy = none;
    if (real && fixed)
        accuracy = (original ? tr("%1 float, file's weights → %2 fixed") : tr("%1 float → %2 fixed"))
                       .arg(percent(*real), percent(*fixed));
    else if (agreement)
        accuracy = tr("%1 as float").arg(percent(*agreement));
    if (const auto heldOut = result->predictions.heldOutAccuracyFixed())
        accuracy += tr(", %1 held out").arg(percent(*heldOut));
    m_accuracy->setText(accuracy);
    // Labels without an accuracy are not the same as no labels; the tip says why.
    if (!note.isEmpty())
        m_accuracy->setText(tr("none: no class per sample"));
    const double sqnr = result->outputs.front().sqnr;
    m_sqnr->setText(sqnrText(sqnr));
    const model::Grade grade = model::gradeOfSqnr(sqnr);
    if (!stale)
        setLook(m_sqnr, grade == model::Grade::Bad ? "danger" : grade == model::Grade::Weak ? "warning" : "");
    int over = 0, tensors = 0;
    for (std::size_t i = 0; i < result->slots.size(); ++i) {
        const auto& slot = result->slots[i];
        // An accumulator without a format is exact: nothing happens there.
        if (!slot || (m_document.slotInfos()[i].optional && !slot->format.isComplete()))
            continue;
        ++tensors;
        over += slot->figures.overflowShare() > model::kNotedOverflow;
    }
    m_overflow->setText(over == 0 ? tr("none of %1 tensors above 1 %").arg(tensors)
                                  : tr("%1 of %2 tensors above 1 %").arg(over).arg(tensors));
    if (over > 0 && !stale)
        setLook(m_overflow, "danger");
    if (stale && !m_document.isCatchingUp())
        m_time->setText(views::staleText(m_document));
    else if (result->complete)
        m_time->setText(tr("%1 ms").arg(result->milliseconds, 0, 'f', result->milliseconds < 10 ? 1 : 0));
}

} // namespace fxp::gui
