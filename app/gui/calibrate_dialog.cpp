#include "app/gui/calibrate_dialog.h"

#include "views/field_guard.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QGuiApplication>
#include <QLabel>
#include <QPushButton>
#include <QScreen>
#include <QScrollArea>
#include <QSettings>
#include <QSpinBox>
#include <QStyle>
#include <QVBoxLayout>

#include <algorithm>
#include <tuple>

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
      m_selected(new QCheckBox(selected == 1 ? tr("Only the selected tensor")
                                             : tr("Only the %1 selected tensors").arg(selected))) {
    setWindowTitle(tr("Calibrate"));
    auto* text =
        new QLabel(tr("Formats are chosen from the values that the samples give, layer by layer, each with its "
                      "inputs quantized already. It is one undo step."));
    text->setWordWrap(true);
    text->setObjectName("muted");
    QWidget* fields = buildFields();
    restore();
    m_selected->setEnabled(selected > 0);
    auto* scroll = new QScrollArea; // the fields of a small screen
    scroll->setWidget(fields);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFocusPolicy(Qt::NoFocus);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    buttons->button(QDialogButtonBox::Ok)->setText(tr("Calibrate"));
    buttons->button(QDialogButtonBox::Ok)->setToolTip(tr("Choose the formats, as one undo step"));
    buttons->button(QDialogButtonBox::Cancel)->setToolTip(tr("Change nothing (Esc)"));
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 16, 20, 14);
    layout->setSpacing(10);
    layout->addWidget(text);
    layout->addWidget(scroll, 1);
    layout->addWidget(buttons);
    views::FieldGuard::guardWheel(this);
    // Nothing is cut at the least width: not the widest field, and not the text above, which wraps.
    const int width = fields->minimumSizeHint().width() + style()->pixelMetric(QStyle::PM_ScrollBarExtent) + 4;
    scroll->setMinimumWidth(width);
    text->setMinimumHeight(text->heightForWidth(width));
    const int whole = fields->sizeHint().height() + 2;
    scroll->setMinimumHeight(std::min(whole, 6 * m_weights->sizeHint().height()));
    const QSize available = (parent ? parent->screen() : QGuiApplication::primaryScreen())->availableSize();
    const int others = layout->totalMinimumSize().height() - scroll->minimumHeight();
    resize(layout->totalMinimumSize().width(), std::min(whole + others, available.height() - 60));
}

void CalibrateDialog::addRow(QFormLayout& form, const QString& name, QWidget* field, const QString& tip) {
    if (field->toolTip().isEmpty())
        field->setToolTip(tip);
    if (field->accessibleName().isEmpty() && !name.isEmpty())
        field->setAccessibleName(name);
    form.addRow(name, field);
}

QWidget* CalibrateDialog::buildFields() {
    const std::tuple<quant::Method, QString, QString> methods[] = {
        {quant::Method::NoOverflow, tr("No overflow: the most fraction bits"),
         tr("The binary point as far left as no value overflows")},
        {quant::Method::MinMse, tr("Min MSE: the least error, some overflow"),
         tr("The binary point with the least mean squared error; a few large values may overflow")},
        {quant::Method::HighPrecision, tr("High precision: 24 fraction bits"),
         tr("24 fraction bits, and as many integer bits as the values need; the bits above are not used")},
        {quant::Method::Percentile, tr("Percentile: without the outermost values"),
         tr("No overflow of the middle part of the values; the share is given below")},
        {quant::Method::KlDivergence, tr("KL divergence: the nearest distribution"),
         tr("The threshold whose quantized histogram diverges least from the values' own")}};
    for (const auto& [method, name, tip] : methods) {
        m_method->addItem(name, static_cast<int>(method));
        m_method->setItemData(m_method->count() - 1, tip, Qt::ToolTipRole);
    }
    m_percentile->setRange(50, 100);
    m_percentile->setDecimals(3);
    m_percentile->setValue(quant::CalibrationOptions{}.percentile);
    m_percentile->setSuffix(tr(" % of the values"));
    const auto onMethod = [this] {
        m_percentile->setEnabled(m_method->currentData().toInt() == static_cast<int>(quant::Method::Percentile));
        m_method->setToolTip(m_method->currentData(Qt::ToolTipRole).toString());
    };
    onMethod();
    connect(m_method, &QComboBox::currentIndexChanged, this, onMethod);
    m_scheme->addItem(tr("binary point"), static_cast<int>(quant::Scheme::PowerOfTwo));
    m_scheme->addItem(tr("real scale"), static_cast<int>(quant::Scheme::Scale));
    m_scheme->addItem(tr("real scale and zero point"), static_cast<int>(quant::Scheme::Affine));
    m_accumulators->setRange(quant::kMinTotalBits - 1, quant::kMaxTotalBits);
    m_accumulators->setSpecialValueText(tr("exact"));
    m_accumulators->setValue(m_accumulators->minimum());
    auto* fields = new QWidget;
    auto* form = new QFormLayout(fields);
    form->setContentsMargins(0, 0, 4, 0);
    form->setVerticalSpacing(8);
    addRow(*form, tr("Weight bits"), m_weights, tr("Total bits of weights, sign included"));
    addRow(*form, tr("Activation bits"), m_activations, tr("Total bits of inputs and of what layers compute"));
    addRow(*form, tr("Bias bits"), m_biases, tr("Total bits of biases"));
    addRow(*form, tr("Accumulator bits"), m_accumulators,
           tr("Total bits of sums of products; exact: as many as the sum needs"));
    addRow(*form, tr("Method"), m_method, {});
    addRow(*form, tr("Percentile"), m_percentile, tr("How many of the values must not overflow"));
    addRow(*form, tr("Scaling"), m_scheme,
           tr("A binary point needs shifts alone in hardware, a real scale a multiplication"));
    m_perChannel->setToolTip(tr("Weights of two and more dimensions get one scale for each output channel"));
    form->addRow(QString(), m_perChannel);
    addRow(*form, tr("Rounding"), m_rounding, tr("How values between two steps are rounded"));
    addRow(*form, tr("Overflow"), m_overflow, tr("What values outside the range become"));
    const std::tuple<quant::Group, QString, QString> groups[] = {
        {quant::Group::WeightBias, tr("weight and bias of a layer"), tr("Linear and convolution layers")},
        {quant::Group::QueryKeyValue, tr("attention's query, key and value projections"),
         tr("Their weights share one format, and their biases another")},
        {quant::Group::AllProjections, tr("those and the output projection"), tr("All four of attention's products")},
        {quant::Group::FeedForward, tr("an encoder layer's two linears"), tr("linear1 and linear2")},
        {quant::Group::FullyConnected, tr("a recurrent layer's two products"), tr("w_ih and w_hh")}};
    for (const auto& [group, name, tip] : groups) {
        auto* box = new QCheckBox(name);
        box->setToolTip(tip);
        m_groups.emplace_back(group, box);
        form->addRow(m_groups.size() == 1 ? tr("Share one format") : QString(), box);
    }
    m_selected->setToolTip(tr("The formats of all others stay as they are"));
    form->addRow(QString(), m_selected);
    return fields;
}

namespace {

/// By what it means, and not by its place in the list.
void choose(QComboBox* box, const QVariant& value) {
    if (const int index = box->findData(value); value.isValid() && index >= 0)
        box->setCurrentIndex(index);
}

} // namespace

void CalibrateDialog::restore() {
    QSettings settings;
    settings.beginGroup("calibrate");
    for (const auto& [key, box] : {std::pair{"weightBits", m_weights},
                                   {"activationBits", m_activations},
                                   {"biasBits", m_biases},
                                   {"accumulatorBits", m_accumulators}})
        box->setValue(settings.value(key, box->value()).toInt());
    for (const auto& [key, box] :
         {std::pair{"method", m_method}, {"scaling", m_scheme}, {"rounding", m_rounding}, {"overflow", m_overflow}})
        choose(box, settings.contains(key) ? QVariant(settings.value(key).toInt()) : QVariant());
    m_percentile->setValue(settings.value("percentile", m_percentile->value()).toDouble());
    m_perChannel->setChecked(settings.value("perChannel").toBool());
    const QStringList groups = settings.value("groups").toStringList();
    for (const auto& [group, box] : m_groups)
        box->setChecked(groups.contains(QString::number(static_cast<int>(group))));
}

void CalibrateDialog::store() const {
    QSettings settings;
    settings.beginGroup("calibrate");
    settings.setValue("weightBits", m_weights->value());
    settings.setValue("activationBits", m_activations->value());
    settings.setValue("biasBits", m_biases->value());
    settings.setValue("accumulatorBits", m_accumulators->value());
    settings.setValue("method", m_method->currentData());
    settings.setValue("scaling", m_scheme->currentData());
    settings.setValue("rounding", m_rounding->currentData());
    settings.setValue("overflow", m_overflow->currentData());
    settings.setValue("percentile", m_percentile->value());
    settings.setValue("perChannel", m_perChannel->isChecked());
    QStringList groups;
    for (const auto& [group, box] : m_groups) {
        if (box->isChecked())
            groups << QString::number(static_cast<int>(group));
    }
    settings.setValue("groups", groups);
}

void CalibrateDialog::accept() {
    store();
    QDialog::accept();
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
