#include "app/gui/finetune_dialog.h"

#include "views/field_guard.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>

namespace fxp::gui {

FinetuneDialog::FinetuneDialog(std::int64_t samples, std::int64_t chosenOn, QWidget* parent)
    : QDialog(parent), m_epochs(new QSpinBox), m_batch(new QSpinBox), m_every(new QSpinBox), m_rate(new QDoubleSpinBox),
      m_quantize(new QCheckBox(tr("Give the weights and biases their quantized values"))) {
    setWindowTitle(tr("Fine-tune"));
    const quant::FinetuneOptions usual;
    m_epochs->setRange(1, 10'000);
    m_epochs->setValue(usual.epochs);
    m_batch->setRange(1, 100'000);
    m_batch->setValue(static_cast<int>(usual.batchSize));
    m_rate->setDecimals(6);
    m_rate->setRange(0.000001, 1);
    m_rate->setSingleStep(0.0005);
    m_rate->setValue(usual.learningRate);
    m_epochs->setToolTip(tr("How often training goes through all samples that it trains on"));
    m_batch->setToolTip(tr("Samples whose mean gradient makes one step: more of them, fewer and steadier steps"));
    m_every->setToolTip(tr("One sample of so many is not trained on: those judge the epochs"));
    m_rate->setToolTip(tr("How far one step goes; too far, and the loss rises"));
    m_quantize->setToolTip(tr("The weights kept are those that hardware has, and not those that are rounded to them"));
    auto* form = new QFormLayout(this);
    form->setContentsMargins(20, 18, 20, 16);
    form->setVerticalSpacing(9);
    auto* text = new QLabel(tr("Trains the weights and biases on the samples and their labels, with every tensor "
                               "quantized as its format says. The epoch with the best accuracy on the samples held "
                               "out is kept; it is one undo step."));
    text->setWordWrap(true);
    text->setObjectName("muted");
    form->addRow(text);
    form->addRow(tr("Epochs"), m_epochs);
    form->addRow(tr("Samples in a step"), m_batch);
    auto* heldOut = new QLabel;
    heldOut->setObjectName("muted");
    heldOut->setWordWrap(true);
    m_every->setAccessibleName(tr("Held out, one sample of"));
    m_every->setRange(1, 1000);
    m_every->setSpecialValueText(tr("none"));
    m_every->setPrefix(tr("one of "));
    m_every->setValue(usual.heldOutEvery);
    const bool split = chosenOn > 0 && chosenOn < samples;
    const auto tell = [=, this] {
        const auto every = static_cast<std::int64_t>(m_every->value());
        const std::int64_t held = split ? samples - chosenOn : every > 1 && samples >= every ? samples / every : 0;
        heldOut->setText(
            held == 0 ? tr("No sample is held out: the accuracy is that of samples trained on.")
            : split
                ? tr("The last %1 of %2 samples, as chosen on opening, only judge the epochs.").arg(held).arg(samples)
                : tr("%1 of %2 samples only judge the epochs.").arg(held).arg(samples));
    };
    connect(m_every, &QSpinBox::valueChanged, this, tell);
    tell();
    if (!split)
        form->addRow(tr("Held out"), m_every);
    form->addRow(split ? tr("Held out") : QString(), heldOut);
    form->addRow(tr("Learning rate"), m_rate);
    form->addRow(QString(), m_quantize);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    buttons->button(QDialogButtonBox::Ok)->setText(tr("Train"));
    buttons->button(QDialogButtonBox::Ok)->setToolTip(tr("Begin; it can be stopped, and be undone (Enter)"));
    buttons->button(QDialogButtonBox::Cancel)->setToolTip(tr("Train nothing (Esc)"));
    if (split) {
        m_every->setParent(this);
        m_every->hide();
    }
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    form->addRow(buttons);
    views::FieldGuard::guardWheel(this);
}

quant::FinetuneOptions FinetuneDialog::options() const {
    quant::FinetuneOptions options;
    options.epochs = m_epochs->value();
    options.batchSize = m_batch->value();
    options.learningRate = m_rate->value();
    options.heldOutEvery = m_every->value() > 1 ? m_every->value() : 0;
    options.quantizeParameters = m_quantize->isChecked();
    return options;
}

} // namespace fxp::gui
