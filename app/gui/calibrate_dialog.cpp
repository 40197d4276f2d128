#include "app/gui/calibrate_dialog.h"

#include "views/field_guard.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>

namespace fxp::gui {

namespace {

QSpinBox* bitBox(int value) {
    auto* box = new QSpinBox;
    box->setRange(quant::kMinTotalBits, quant::kMaxTotalBits);
    box->setValue(value);
    return box;
}

template <class Values> QComboBox* combo(const Values& values) {
    auto* box = new QComboBox;
    for (const auto value : values)
        box->addItem(QString::fromLatin1(quant::name(value).data()), static_cast<int>(value));
    return box;
}

} // namespace

CalibrateDialog::CalibrateDialog(int selected, QWidget* parent)
    : QDialog(parent), m_weights(bitBox(8)), m_activations(bitBox(8)), m_biases(bitBox(16)), m_accumulators(bitBox(32)),
      m_method(new QComboBox), m_scheme(new QComboBox), m_percentile(new QDoubleSpinBox),
      m_perChannel(new QCheckBox(tr("a scale for each output channel of the weights"))),
      m_rounding(combo(quant::kRoundings)), m_overflow(combo(quant::kOverflows)),
      m_selected(new QCheckBox(tr("Only the %1 selected tensors").arg(selected))) {
    setWindowTitle(tr("Calibrate"));
    m_method->addItem(tr("No overflow: the most fraction bits"), static_cast<int>(quant::Method::NoOverflow));
    m_method->addItem(tr("Min MSE: the least error, some overflow"), static_cast<int>(quant::Method::MinMse));
    m_method->addItem(tr("High precision: 24 fraction bits"), static_cast<int>(quant::Method::HighPrecision));
    m_method->addItem(tr("Percentile: without the outermost values"), static_cast<int>(quant::Method::Percentile));
    m_method->addItem(tr("KL divergence: the nearest distribution"), static_cast<int>(quant::Method::KlDivergence));
    m_percentile->setRange(50, 100);
    m_percentile->setDecimals(3);
    m_percentile->setValue(quant::CalibrationOptions{}.percentile);
    m_percentile->setSuffix(tr(" % of the values"));
    m_percentile->setEnabled(false);
    connect(m_method, &QComboBox::currentIndexChanged, this, [this] {
        m_percentile->setEnabled(m_method->currentData().toInt() == static_cast<int>(quant::Method::Percentile));
    });
    m_scheme->addItem(tr("binary point"), static_cast<int>(quant::Scheme::PowerOfTwo));
    m_scheme->addItem(tr("real scale"), static_cast<int>(quant::Scheme::Scale));
    m_scheme->addItem(tr("real scale and zero point"), static_cast<int>(quant::Scheme::Affine));
    m_accumulators->setRange(quant::kMinTotalBits - 1, quant::kMaxTotalBits);
    m_accumulators->setSpecialValueText(tr("exact"));
    m_accumulators->setValue(m_accumulators->minimum());
    m_selected->setEnabled(selected > 0);
    auto* form = new QFormLayout(this);
    form->setContentsMargins(20, 18, 20, 16);
    form->setVerticalSpacing(9);
    auto* text =
        new QLabel(tr("Formats are chosen from the values that the samples give, layer by layer, each with its "
                      "inputs quantized already. It is one undo step."));
    text->setWordWrap(true);
    text->setObjectName("muted");
    form->addRow(text);
    form->addRow(tr("Weight bits"), m_weights);
    form->addRow(tr("Activation bits"), m_activations);
    form->addRow(tr("Bias bits"), m_biases);
    form->addRow(tr("Accumulator bits"), m_accumulators);
    form->addRow(tr("Method"), m_method);
    form->addRow(tr("Percentile"), m_percentile);
    form->addRow(tr("Scaling"), m_scheme);
    form->addRow(QString(), m_perChannel);
    form->addRow(tr("Rounding"), m_rounding);
    form->addRow(tr("Overflow"), m_overflow);
    const std::pair<quant::Group, QString> groups[] = {
        {quant::Group::WeightBias, tr("weight and bias of a layer")},
        {quant::Group::QueryKeyValue, tr("attention's query, key and value projections")},
        {quant::Group::AllProjections, tr("those and the output projection")},
        {quant::Group::FeedForward, tr("an encoder layer's two linears")},
        {quant::Group::FullyConnected, tr("a recurrent layer's two products")}};
    for (const auto& [group, name] : groups) {
        m_groups.emplace_back(group, new QCheckBox(name));
        form->addRow(m_groups.size() == 1 ? tr("Share one format") : QString(), m_groups.back().second);
    }
    form->addRow(QString(), m_selected);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    buttons->button(QDialogButtonBox::Ok)->setText(tr("Calibrate"));
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    form->addRow(buttons);
    views::FieldGuard::guardWheel(this);
}

quant::BitBudget CalibrateDialog::bits() const {
    const bool exact = m_accumulators->value() == m_accumulators->minimum();
    return {m_weights->value(),
            m_activations->value(),
            m_biases->value(),
            static_cast<quant::Rounding>(m_rounding->currentData().toInt()),
            static_cast<quant::Overflow>(m_overflow->currentData().toInt()),
            exact ? std::nullopt : std::optional(m_accumulators->value())};
}

quant::CalibrationOptions CalibrateDialog::options() const {
    quant::CalibrationOptions options;
    options.parameters = options.activations = static_cast<quant::Method>(m_method->currentData().toInt());
    options.percentile = m_percentile->value();
    options.scheme = static_cast<quant::Scheme>(m_scheme->currentData().toInt());
    options.perChannelWeights = m_perChannel->isChecked();
    for (const auto& [group, box] : m_groups) {
        if (box->isChecked())
            options.groups.insert(group);
    }
    return options;
}

bool CalibrateDialog::selectedOnly() const {
    return m_selected->isChecked();
}

} // namespace fxp::gui
