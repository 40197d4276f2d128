#include "views/inspector/format_panel.h"

#include "quant/core/notation.h"
#include "views/field_guard.h"
#include "views/format_clipboard.h"
#include "views/format_edit.h"
#include "views/inspector/bits_spin.h"

#include <QComboBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fxp::views {

using quant::Notation;

namespace {

constexpr Notation kNotations[] = {Notation::SignIntegerFraction, Notation::Q, Notation::ApFixed, Notation::Fi};

/// What a rounding does, in two or three words.
QString meaning(quant::Rounding rounding) {
    using quant::Rounding;
    switch (rounding) {
    case Rounding::Round: return FormatPanel::tr("nearest, ties to even");
    case Rounding::Trunc: return FormatPanel::tr("toward zero");
    case Rounding::Floor: return FormatPanel::tr("toward −∞: drop the bits");
    case Rounding::Ceil: return FormatPanel::tr("toward +∞");
    case Rounding::RoundHalfUp: return FormatPanel::tr("nearest, ties toward +∞");
    case Rounding::RoundHalfDown: return FormatPanel::tr("nearest, ties toward −∞");
    case Rounding::RoundHalfAway: return FormatPanel::tr("nearest, ties away from zero");
    case Rounding::RoundHalfZero: return FormatPanel::tr("nearest, ties toward zero");
    case Rounding::Stochastic: return FormatPanel::tr("up with the dropped fraction's probability");
    }
    return {};
}

QString meaning(quant::Overflow overflow) {
    using quant::Overflow;
    switch (overflow) {
    case Overflow::Saturate: return FormatPanel::tr("to the nearest limit");
    case Overflow::SaturateSymmetric: return FormatPanel::tr("to ± the highest");
    case Overflow::SaturateZero: return FormatPanel::tr("to zero");
    case Overflow::Wrap: return FormatPanel::tr("modulo 2^T");
    }
    return {};
}

template <class Values> QComboBox* comboOf(const Values& values, const QString& name) {
    auto* combo = new QComboBox;
    for (const auto value : values) {
        combo->addItem(QString::fromLatin1(quant::name(value).data()), static_cast<int>(value));
        combo->setItemData(combo->count() - 1, meaning(value), Qt::ToolTipRole);
    }
    combo->setAccessibleName(name);
    return combo;
}

void makeFloat(quant::QType& f) {
    f.totalBits = f.fractionalBits = std::nullopt;
    f.affine.reset();
}

/// The range stays where it is; the bits are added or taken at the right.
void setTotal(quant::QType& f, int total) {
    if (f.affine && f.totalBits) {
        const double finer = std::ldexp(1.0, total - *f.totalBits);
        const double half = std::ldexp(1.0, total - 1);
        for (std::size_t i = 0; i < f.affine->scale.size(); ++i) {
            f.affine->scale[i] /= finer;
            const double zero = std::nearbyint(static_cast<double>(f.affine->zeroPoint[i]) * finer);
            f.affine->zeroPoint[i] = static_cast<std::int64_t>(std::clamp(zero, -half, half - 1));
        }
        f.totalBits = total;
        return;
    }
    f = f.withPoint(total, total - (f.hasPoint() ? f.integerBits() : 1));
}

void setFraction(quant::QType& f, int fraction) {
    f = f.withPoint(f.totalBits.value_or(8), fraction);
}

void shiftFraction(quant::QType& f, int steps) {
    if (f.hasPoint())
        setFraction(f, std::clamp(*f.fractionalBits + steps, -quant::kMaxFractionalBits, quant::kMaxFractionalBits));
}

/// From a binary point to a scale of the same step, and back to the point next to the scale.
void setScaled(quant::QType& f, bool scaled) {
    if (scaled && f.hasPoint()) {
        f.affine = quant::Affine{{f.lsb()}, {0}, -1};
        f.fractionalBits.reset();
    } else if (!scaled && f.affine) {
        setFraction(f, static_cast<int>(std::lround(-std::log2(f.lsb()))));
    }
}

/// Whether `value` says another thing of some of the formats than of the others.
template <class Value> bool differs(const std::vector<quant::QType>& formats, const Value& value) {
    return std::ranges::any_of(formats,
                               [&](const quant::QType& format) { return value(format) != value(formats.front()); });
}

void showChoice(QComboBox* combo, int index, bool mixed) {
    combo->setPlaceholderText(FormatPanel::tr("mixed"));
    combo->setCurrentIndex(mixed ? -1 : index);
}

} // namespace

FormatPanel::FormatPanel(model::Document& document, Selection& selection, QWidget* parent)
    : QWidget(parent), m_document(document), m_selection(selection), m_heading(new QWidget), m_count(new QLabel),
      m_total(new BitsSpin(1, quant::kMaxTotalBits, tr("Total bits"))),
      m_fraction(new BitsSpin(-quant::kMaxFractionalBits, quant::kMaxFractionalBits, tr("Fractional bits"))),
      m_integer(new BitsSpin(-quant::kMaxFractionalBits, quant::kMaxFractionalBits + quant::kMaxTotalBits,
                             tr("Integer bits"))),
      m_scaling(new QComboBox), m_scale(new QLineEdit), m_zero(new QSpinBox),
      m_rounding(comboOf(quant::kRoundings, tr("Rounding"))), m_overflow(comboOf(quant::kOverflows, tr("Overflow"))) {
    m_total->setWords(tr("float"), {});
    m_zero->setRange(std::numeric_limits<int>::min(), std::numeric_limits<int>::max());
    m_zero->setAccessibleName(tr("Zero point"));
    m_zero->setKeyboardTracking(false);
    m_count->setObjectName("muted");
    m_scaling->addItems({tr("binary point"), tr("real scale")});
    m_scaling->setAccessibleName(tr("Scaling"));
    m_scale->setAccessibleName(tr("Scale"));
    m_integer->setWords({}, tr("  with sign"));
    auto* heading = new QLabel(tr("Format"));
    heading->setObjectName("heading");
    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(16, 4, 16, 12);
    grid->setVerticalSpacing(5);
    grid->setColumnStretch(1, 1);
    auto* top = new QHBoxLayout(m_heading);
    top->setContentsMargins(16, 8, 4, 4);
    top->addWidget(heading);
    top->addStretch();
    top->addWidget(m_count);
    grid->addWidget(m_heading, 0, 0, 1, 2);
    int row = 1;
    const std::pair<QString, QWidget*> fields[] = {{tr("Total bits"), m_total},     {tr("Fractional bits"), m_fraction},
                                                   {tr("Integer bits"), m_integer}, {tr("Scaling"), m_scaling},
                                                   {tr("Scale"), m_scale},          {tr("Zero point"), m_zero},
                                                   {tr("Rounding"), m_rounding},    {tr("Overflow"), m_overflow}};
    for (const auto& [text, field] : fields) {
        auto* label = new QLabel(text);
        label->setObjectName("muted");
        label->setBuddy(field);
        if (field == m_scale || field == m_zero)
            m_scaleFields.insert(m_scaleFields.end(), {label, field});
        if (field == m_fraction || field == m_integer)
            m_pointFields.insert(m_pointFields.end(), {label, field});
        grid->addWidget(label, row, 0);
        grid->addWidget(field, row++, 1);
    }
    addButtons(grid, row++);
    auto* notations = new QGridLayout;
    notations->setSpacing(6);
    const QString names[] = {tr("Sign, integer, fraction bits"), tr("Q notation"), tr("ap_fixed"), tr("MATLAB fi")};
    for (std::size_t i = 0; i < m_notations.size(); ++i) {
        m_notations[i] = new QLineEdit;
        m_notations[i]->setAccessibleName(names[i]);
        m_notations[i]->setToolTip(names[i] + tr(": edit it to set the format"));
        m_notations[i]->setPlaceholderText(tr("%1 cannot say this format").arg(names[i]));
        // The short ones beside each other, the long ones below.
        const int column = static_cast<int>(i);
        if (column < 2)
            notations->addWidget(m_notations[i], 0, column);
        else
            notations->addWidget(m_notations[i], column - 1, 0, 1, 2);
        connect(m_notations[i], &QLineEdit::editingFinished, this, [this, i] { takeNotation(m_notations[i]); });
    }
    grid->addLayout(notations, row, 0, 1, 2);

    connectFields();
    connect(&document, &model::Document::modelChanged, this, &FormatPanel::refresh);
    connect(&document, &model::Document::formatsChanged, this, &FormatPanel::refresh);
    connect(&selection, &Selection::changed, this, &FormatPanel::refresh);
    refresh();
}

void FormatPanel::connectFields() {
    connect(m_total, &BitsSpin::chosen, this, [this](int value) {
        if (value == 1) {
            edit(tr("Make float"), makeFloat);
            return;
        }
        edit(tr("Total bits"), [value](quant::QType& f) { setTotal(f, value); });
    });
    connect(m_total, &BitsSpin::shifted, this, [this](int steps) {
        edit(tr("Total bits"), [steps](quant::QType& f) {
            if (f.totalBits)
                setTotal(f, std::clamp(*f.totalBits + steps, quant::kMinTotalBits, quant::kMaxTotalBits));
        });
    });
    connect(m_fraction, &BitsSpin::chosen, this,
            [this](int value) { edit(tr("Fractional bits"), [value](quant::QType& f) { setFraction(f, value); }); });
    connect(m_fraction, &BitsSpin::shifted, this,
            [this](int steps) { edit(tr("Fractional bits"), [steps](quant::QType& f) { shiftFraction(f, steps); }); });
    connect(m_integer, &BitsSpin::chosen, this, [this](int value) {
        edit(tr("Integer bits"), [value](quant::QType& f) { setFraction(f, f.totalBits.value_or(8) - value); });
    });
    connect(m_integer, &BitsSpin::shifted, this,
            [this](int steps) { edit(tr("Integer bits"), [steps](quant::QType& f) { shiftFraction(f, -steps); }); });
    connect(m_scaling, &QComboBox::activated, this,
            [this](int index) { edit(tr("Scaling"), [index](quant::QType& f) { setScaled(f, index == 1); }); });
    connect(m_scale, &QLineEdit::editingFinished, this, [this] {
        bool ok = false;
        const double value = m_scale->text().toDouble(&ok);
        if (m_scale->isModified() && ok)
            edit(tr("Scale"), [value](quant::QType& f) {
                if (f.affine && !f.affine->perChannel())
                    f.affine->scale[0] = value;
            });
        else
            refresh();
    });
    connect(m_zero, &QSpinBox::valueChanged, this, [this](int value) {
        edit(tr("Zero point"), [value](quant::QType& f) {
            if (f.affine && !f.affine->perChannel())
                f.affine->zeroPoint[0] = value;
        });
    });
    connect(m_rounding, &QComboBox::activated, this, [this](int index) {
        const auto value = static_cast<quant::Rounding>(m_rounding->itemData(index).toInt());
        edit(tr("Rounding"), [value](quant::QType& f) { f.rounding = value; });
    });
    connect(m_overflow, &QComboBox::activated, this, [this](int index) {
        const auto value = static_cast<quant::Overflow>(m_overflow->itemData(index).toInt());
        edit(tr("Overflow"), [value](quant::QType& f) { f.overflow = value; });
    });
    auto* guard = new FieldGuard(this);
    const std::initializer_list<QWidget*> fields{m_total, m_fraction, m_integer,  m_scaling,
                                                 m_scale, m_zero,     m_rounding, m_overflow};
    for (QWidget* field : fields)
        guard->watch(field, [this] { refresh(); });
    for (QLineEdit* notation : m_notations)
        guard->watch(notation, [this] { refresh(); });
}

FormatPanel::~FormatPanel() {
    // A field that loses the focus while the panel goes would still hand in its text.
    for (QWidget* field : findChildren<QWidget*>())
        field->disconnect(this);
}

void FormatPanel::addButtons(QGridLayout* grid, int row) {
    auto* line = new QHBoxLayout;
    line->setSpacing(6);
    const auto add = [&](const QString& text, const QString& tip, auto slot) {
        auto* button = new QPushButton(text);
        button->setToolTip(tip);
        connect(button, &QPushButton::clicked, this, slot);
        line->addWidget(button);
        m_buttons.push_back(button);
    };
    add(tr("No overflow"), tr("The most fraction bits without overflow"),
        [this] { m_document.refit(m_selection.slotList(), quant::Method::NoOverflow); });
    add(tr("Min MSE"), tr("The fraction bits with the least mean squared error"),
        [this] { m_document.refit(m_selection.slotList(), quant::Method::MinMse); });
    add(tr("Float"), tr("No quantization"), [this] { edit(tr("Make float"), makeFloat); });
    add(tr("Copy"), tr("Copy the format as text"), [this] {
        if (m_selection.current() >= 0)
            copyFormat(m_document.format(m_selection.current()));
    });
    grid->addLayout(line, row, 0, 1, 2);
}

void FormatPanel::edit(const QString& text, const std::function<void(quant::QType&)>& change) {
    if (m_refreshing)
        return;
    editFormats(m_document, m_selection.slotList(), text, change);
    refresh();
}

void FormatPanel::takeNotation(QLineEdit* field) {
    if (m_refreshing || !field->isModified() || m_selection.current() < 0)
        return;
    field->setModified(false);
    const auto parsed = quant::parseNotation(field->text().toStdString(), m_document.format(m_selection.current()));
    if (!parsed) {
        Q_EMIT m_document.failed(field->accessibleName(), tr("“%1” is no format").arg(field->text()),
                                 tr("write s1.4, Q2.4, ap_fixed<6,2> or fi(1,6,4), with 2 to 64 bits"), true);
        refresh();
        return;
    }
    edit(tr("Format"), [parsed](quant::QType& f) { f = *parsed; });
}

void FormatPanel::refresh() {
    m_refreshing = true;
    const int slot = m_selection.current();
    const bool any = slot >= 0 && slot < m_document.slotCount();
    setEnabled(any);
    const auto count = m_selection.slotList().size();
    m_count->setText(!any         ? tr("no tensor selected")
                     : count == 1 ? tr("1 tensor selected")
                                  : tr("%1 tensors selected").arg(count));
    if (any) {
        const quant::QType& format = m_document.format(slot);
        std::vector<quant::QType> formats;
        for (const int selected : m_selection.slotList()) {
            if (selected >= 0 && selected < m_document.slotCount())
                formats.push_back(m_document.format(selected));
        }
        const auto integer = [](const quant::QType& f) { return f.hasPoint() ? f.integerBits() : 0; };
        m_total->present(format.totalBits.value_or(1), differs(formats, [](const auto& f) { return f.totalBits; }));
        m_fraction->present(format.fractionalBits.value_or(0),
                            differs(formats, [](const auto& f) { return f.fractionalBits; }));
        m_integer->present(integer(format), differs(formats, integer));
        showChoice(m_scaling, format.affine ? 1 : 0,
                   differs(formats, [](const auto& f) { return f.affine.has_value(); }));
        m_scaling->setEnabled(format.isComplete());
        showScale(format, differs(formats, [](const auto& f) { return f.affine; }));
        m_fraction->setEnabled(!format.isFloat());
        m_integer->setEnabled(!format.isFloat());
        showChoice(m_rounding, m_rounding->findData(static_cast<int>(format.rounding)),
                   differs(formats, [](const auto& f) { return f.rounding; }));
        showChoice(m_overflow, m_overflow->findData(static_cast<int>(format.overflow)),
                   differs(formats, [](const auto& f) { return f.overflow; }));
        m_rounding->setToolTip(meaning(format.rounding));
        m_overflow->setToolTip(meaning(format.overflow));
        const bool mixed = differs(formats, [](const auto& f) { return f; });
        for (std::size_t i = 0; i < m_notations.size(); ++i) {
            m_notations[i]->setPlaceholderText(
                mixed ? tr("mixed") : tr("%1 cannot say this format").arg(m_notations[i]->accessibleName()));
            m_notations[i]->setText(mixed ? QString() : QString::fromStdString(quant::write(format, kNotations[i])));
            m_notations[i]->setCursorPosition(0);
        }
    } else {
        for (QWidget* field : m_scaleFields)
            field->hide();
        for (QLineEdit* notation : m_notations) {
            notation->setPlaceholderText({});
            notation->clear();
        }
    }
    m_refreshing = false;
}

void FormatPanel::showScale(const quant::QType& format, bool mixed) {
    for (QWidget* field : m_pointFields)
        field->setVisible(!format.affine);
    for (QWidget* field : m_scaleFields)
        field->setVisible(format.affine.has_value());
    if (!format.affine)
        return;
    const bool channels = format.affine->perChannel();
    m_scale->setPlaceholderText(tr("mixed"));
    m_scale->setText(mixed      ? QString()
                     : channels ? tr("%1 channels, axis %2").arg(format.affine->scale.size()).arg(format.affine->axis)
                                : QString::number(format.affine->scale[0], 'g', 9));
    m_scale->setReadOnly(channels);
    m_zero->setValue(static_cast<int>(format.affine->zeroPoint[0]));
    m_zero->setEnabled(!channels);
}

} // namespace fxp::views
