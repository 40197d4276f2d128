#include "app/gui/finetune_dialog.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>

namespace fxp::gui {

FinetuneDialog::FinetuneDialog(QWidget* parent)
    : QDialog(parent), m_epochs(new QSpinBox), m_batch(new QSpinBox), m_rate(new QDoubleSpinBox),
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
    auto* form = new QFormLayout(this);
    form->setContentsMargins(20, 18, 20, 16);
    form->setVerticalSpacing(9);
    auto* text = new QLabel(tr("Trains the weights and biases on the samples and their labels, with every tensor "
                               "quantized as its format says. The epoch with the best accuracy is kept; it is one undo "
                               "step."));
    text->setWordWrap(true);
    text->setObjectName("muted");
    form->addRow(text);
    form->addRow(tr("Epochs"), m_epochs);
    form->addRow(tr("Samples in a step"), m_batch);
    form->addRow(tr("Learning rate"), m_rate);
    form->addRow(QString(), m_quantize);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    buttons->button(QDialogButtonBox::Ok)->setText(tr("Train"));
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    form->addRow(buttons);
}

quant::FinetuneOptions FinetuneDialog::options() const {
    quant::FinetuneOptions options;
    options.epochs = m_epochs->value();
    options.batchSize = m_batch->value();
    options.learningRate = m_rate->value();
    options.quantizeParameters = m_quantize->isChecked();
    return options;
}

} // namespace fxp::gui
