#include "app/gui/inputs_table.h"

#include <QComboBox>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QStackedWidget>
#include <QStyle>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace fxp::gui {

namespace {

using Kind = model::InputSource::Kind;
using How = model::PlannedInput::How;
using Argument = quant::ArgumentInfo::Kind;

constexpr int kName = 76, kType = 60, kShape = 108, kSource = 88;
constexpr int kDefault = -1; ///< the source combo's data, beside the kinds

QString typeName(quant::ElementType type) {
    switch (type) {
    case quant::ElementType::Float32: return QStringLiteral("float32");
    case quant::ElementType::Int64: return QStringLiteral("int64");
    case quant::ElementType::Bool: break;
    }
    return QStringLiteral("bool");
}

QString typeName(const quant::ArgumentInfo& input) {
    switch (input.kind) {
    case Argument::Tensor: return QStringLiteral("tensor");
    case Argument::Integer: return QStringLiteral("int64");
    case Argument::Real: return QStringLiteral("float64");
    case Argument::Boolean: return QStringLiteral("bool");
    case Argument::Other: break;
    }
    return QString::fromStdString(input.type);
}

QLabel* cell(const QString& text, int width, const QString& name) {
    auto* label = new QLabel(text);
    label->setObjectName(name);
    label->setFixedWidth(width);
    label->setTextFormat(Qt::PlainText);
    return label;
}

/// The text, cut in its middle where the label is too narrow for it.
void setElided(QLabel* label, const QString& text) {
    label->setText(label->fontMetrics().elidedText(text, Qt::ElideMiddle, label->width() - 4));
    label->setToolTip(label->text() == text ? QString() : text);
}

void setWrong(QWidget* widget, bool wrong) {
    if (!widget || widget->property("wrong").toBool() == wrong)
        return;
    widget->setProperty("wrong", wrong);
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
}

void write(QLineEdit* field, const QString& text) {
    // The field that is typed in is left alone, also while another window of the desktop is active.
    if (field->window()->focusWidget() != field && field->text() != text)
        field->setText(text);
}

/// On the shape of random values; says so where sizes are examples.
QString exampleTip(const quant::ArgumentInfo& input) {
    const QString tip = InputsTable::tr("Sizes of the random tensor, samples first, such as 16 × 1 × 28 × 28");
    if (!model::leavesSizesOpen(input))
        return tip;
    return tip + ".\n" + InputsTable::tr("The file says %1: ? may be any size").arg(model::shapeText(*input.shape));
}

double numberFrom(const QString& text) {
    bool good = false;
    const double value = QString(text).replace(QChar(0x2212), '-').trimmed().toDouble(&good);
    return good ? value : std::nan("");
}

} // namespace

InputsTable::InputsTable(QWidget* parent) : QWidget(parent), m_layout(new QVBoxLayout(this)) {
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(0);
    auto* head = new QFrame;
    head->setObjectName("inputsHead");
    auto* line = new QHBoxLayout(head);
    line->setContentsMargins(10, 0, 10, 5);
    line->setSpacing(8);
    for (const auto& [text, width] : {std::pair{tr("Name"), kName},
                                      {tr("Type"), kType},
                                      {tr("Shape"), kShape},
                                      {tr("Source"), kSource},
                                      {tr("Array or value"), 0}}) {
        auto* label = new QLabel(text);
        label->setObjectName("muted");
        if (width > 0)
            label->setFixedWidth(width);
        line->addWidget(label, width > 0 ? 0 : 1);
    }
    m_layout->addWidget(head);
}

void InputsTable::clear() {
    for (const Row& row : m_rows)
        row.frame->deleteLater();
    m_rows.clear();
    m_shown.clear();
}

void InputsTable::rebuild(const model::InputPlan& plan, const std::vector<model::ArrayInfo>& arrays) {
    QString shown;
    for (const auto& planned : plan.inputs)
        shown += QString::fromStdString(planned.input.name) + '\n';
    for (const auto& array : arrays)
        shown += '\t' + array.name + model::shapeText(array.shape) + '\n';
    if (shown == m_shown && !m_rows.empty())
        return;
    clear();
    m_shown = shown;
    for (const auto& planned : plan.inputs)
        addRow(planned, arrays);
}

void InputsTable::addRow(const model::PlannedInput& planned, const std::vector<model::ArrayInfo>& arrays) {
    Row row;
    row.name = QString::fromStdString(planned.input.name);
    row.tensor = planned.input.kind == Argument::Tensor;
    row.frame = new QFrame;
    row.frame->setObjectName("inputRow");
    auto* line = new QHBoxLayout(row.frame);
    line->setContentsMargins(10, 4, 10, 4);
    line->setSpacing(8);
    auto* name = cell({}, kName, "heading");
    setElided(name, row.name);
    row.type = cell(typeName(planned.input), kType, {});
    row.shape = cell({}, kShape, {});
    row.source = new QComboBox;
    row.source->setFixedWidth(kSource);
    row.source->setAccessibleName(tr("Source of %1").arg(row.name));
    row.source->setToolTip(row.tensor ? tr("Where the values come from: an array of the samples, one number "
                                           "everywhere, or random numbers")
                                      : tr("Where the number comes from"));
    if (planned.input.optional)
        row.source->addItem(tr("Default"), kDefault);
    if (!arrays.empty())
        row.source->addItem(tr("File"), static_cast<int>(Kind::File));
    row.source->addItem(tr("Value"), static_cast<int>(Kind::Value));
    if (row.tensor)
        row.source->addItem(tr("Random"), static_cast<int>(Kind::Random));

    row.array = new QComboBox;
    row.array->setAccessibleName(tr("Array for %1").arg(row.name));
    row.array->setPlaceholderText(tr("an array"));
    row.array->setToolTip(tr("The array of the samples' files that the model gets here"));
    // Long names are cut off before they widen the dialog.
    row.array->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    row.array->setMinimumContentsLength(8);
    for (const auto& array : arrays)
        row.array->addItem(
            array.name + QStringLiteral("   ") + model::shapeText(array.shape) +
                (typeName(array.type) == typeName(planned.input) ? QString() : ' ' + typeName(array.type)),
            array.name);
    const auto field = [&](const QString& text, const QString& accessible) {
        auto* edit = new QLineEdit;
        edit->setPlaceholderText(text);
        edit->setAccessibleName(accessible);
        return edit;
    };
    row.number = field(row.tensor ? tr("a number everywhere") : tr("a number"), tr("Value of %1").arg(row.name));
    row.valueShape = field(tr("shape; none: scalar"), tr("Shape of %1").arg(row.name));
    row.randomShape = field(tr("shape"), tr("Shape of random %1").arg(row.name));
    row.seed = field(tr("seed"), tr("Seed of random values"));
    row.number->setToolTip(row.tensor ? tr("Every element of the tensor has this value")
                                      : tr("The number that the model gets here"));
    row.valueShape->setToolTip(tr("Sizes, samples first, such as 16 × 1 × 28 × 28; none: the tensor is one number"));
    row.randomShape->setToolTip(exampleTip(planned.input));
    if (const auto example = planned.input.randomShape())
        row.randomShape->setPlaceholderText(model::shapeText(*example));
    row.seed->setFixedWidth(44);
    row.seed->setToolTip(tr("The same seed gives the same values"));
    row.valueShape->setVisible(row.tensor);
    row.hint = new QLabel;
    row.hint->setObjectName("muted");

    row.stack = new QStackedWidget;
    row.stack->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    auto* seedName = new QLabel(tr("seed"));
    seedName->setObjectName("muted");
    const auto page = [&](const QList<QWidget*>& widgets) {
        auto* box = new QWidget;
        auto* inner = new QHBoxLayout(box);
        inner->setContentsMargins(0, 0, 0, 0);
        inner->setSpacing(6);
        for (QWidget* widget : widgets)
            inner->addWidget(widget, widget == row.seed || widget == seedName ? 0 : 1);
        row.stack->addWidget(box);
    };
    page({row.array});
    page({row.number, row.valueShape});
    page({row.randomShape, seedName, row.seed});
    page({row.hint});
    line->addWidget(name);
    line->addWidget(row.type);
    line->addWidget(row.shape);
    line->addWidget(row.source);
    line->addWidget(row.stack, 1);
    m_layout->addWidget(row.frame);
    row.frame->show(); // now, and not with the next layout: a hidden field takes no focus
    m_rows.push_back(row);

    const auto tell = [this, name = row.name] {
        const auto found = std::ranges::find(m_rows, name, &Row::name);
        if (found != m_rows.end())
            report(*found);
    };
    connect(row.source, &QComboBox::activated, this, tell);
    connect(row.array, &QComboBox::activated, this, tell);
    for (QLineEdit* edit : {row.number, row.valueShape, row.randomShape})
        connect(edit, &QLineEdit::textEdited, this, tell);
    connect(row.seed, &QLineEdit::textEdited, this, [this](const QString& text) {
        bool whole = false;
        if (const quint64 seed = text.toULongLong(&whole); whole || text.isEmpty())
            Q_EMIT seedEdited(seed);
    });
}

void InputsTable::report(const Row& row) {
    const int kind = row.source->currentData().toInt();
    if (kind == kDefault) {
        Q_EMIT edited(row.name, std::nullopt);
        return;
    }
    model::InputSource source;
    source.kind = static_cast<Kind>(kind);
    if (source.kind == Kind::File) {
        source.array =
            row.array->currentIndex() < 0 ? row.array->itemData(0).toString() : row.array->currentData().toString();
    } else if (source.kind == Kind::Value) {
        source.value = numberFrom(row.number->text());
        if (row.tensor)
            source.shape = model::shapeFrom(row.valueShape->text()).value_or(std::vector<std::int64_t>{0});
    } else {
        // A shape that cannot be read is one that cannot be, and not a missing one.
        source.shape = model::shapeFrom(row.randomShape->text()).value_or(std::vector<std::int64_t>{0});
    }
    Q_EMIT edited(row.name, source);
}

void InputsTable::showRow(Row& row, const model::PlannedInput& planned, std::uint64_t seed) {
    const bool isDefault = planned.how == How::Default;
    const Kind kind = planned.source.kind;
    const int wanted = row.source->findData(isDefault ? kDefault : static_cast<int>(kind));
    row.source->setCurrentIndex(wanted);
    row.stack->setCurrentIndex(isDefault ? 3 : kind == Kind::File ? 0 : kind == Kind::Value ? 1 : 2);
    if (isDefault)
        row.hint->setText(QString::fromStdString(planned.input.defaultValue));
    if (kind == Kind::File && !isDefault)
        row.array->setCurrentIndex(row.array->findData(planned.source.array));
    const bool known = std::ranges::all_of(planned.source.shape, [](std::int64_t size) { return size > 0; });
    if (kind == Kind::Value && !isDefault) {
        write(row.number,
              std::isfinite(planned.source.value) ? QString::number(planned.source.value, 'g', 17) : QString());
        if (known)
            write(row.valueShape, model::shapeText(planned.source.shape));
    }
    if (kind == Kind::Random && !isDefault) {
        if (known)
            write(row.randomShape, model::shapeText(planned.source.shape));
        write(row.seed, QString::number(seed));
    }
    QString type = typeName(planned.input);
    if (row.tensor && !isDefault && kind == Kind::File && row.array->currentIndex() >= 0)
        type = row.array->currentText().section(' ', -1);
    else if (row.tensor && !isDefault && kind != Kind::File)
        type = typeName(quant::ElementType::Float32);
    setElided(row.type, type);
    setElided(row.shape, !row.tensor                                  ? tr("scalar")
                         : !planned.shape.empty() && known            ? model::shapeText(planned.shape)
                         : kind == Kind::Value && !isDefault && known ? tr("scalar")
                                                                      : tr("not in the file"));
    if (!isDefault && planned.isExample())
        row.shape->setToolTip(exampleTip(planned.input));
    row.shape->setObjectName(row.tensor && planned.shape.empty() ? "muted" : "");
    row.shape->style()->unpolish(row.shape);
    row.shape->style()->polish(row.shape);
}

QWidget* InputsTable::fieldOf(const Row& row) {
    switch (row.stack->currentIndex()) {
    case 0: return row.array;
    case 1: return std::isfinite(numberFrom(row.number->text())) && row.tensor ? row.valueShape : row.number;
    case 2: return row.randomShape;
    default: return row.source;
    }
}

QWidget* InputsTable::fieldOf(const QString& input) const {
    const auto found = std::ranges::find(m_rows, input, &Row::name);
    return found == m_rows.end() ? nullptr : fieldOf(*found);
}

void InputsTable::show(const model::InputPlan& plan, const std::vector<model::ArrayInfo>& arrays, std::uint64_t seed) {
    rebuild(plan, arrays);
    const model::PlannedInput* incomplete = plan.incomplete();
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        Row& row = m_rows[i];
        showRow(row, plan.inputs[i], seed);
        const bool wrong = &plan.inputs[i] == incomplete;
        setWrong(row.frame, wrong);
        for (QWidget* field :
             std::initializer_list<QWidget*>{row.array, row.number, row.valueShape, row.randomShape, row.source})
            setWrong(field, wrong && field == fieldOf(row));
    }
}

} // namespace fxp::gui
