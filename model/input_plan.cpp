#include "model/input_plan.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <algorithm>
#include <cmath>

namespace fxp::model {

namespace {

using Kind = InputSource::Kind;
using How = PlannedInput::How;

constexpr std::int64_t kMostElements = std::int64_t{1} << 32; // 16 GiB as float32: a slip of the keyboard

QString tr(const char* text) {
    return QCoreApplication::translate("InputPlan", text);
}

std::int64_t elements(const std::vector<std::int64_t>& shape) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) {
        if (size > 0 && count > kMostElements / size)
            return kMostElements + 1;
        count *= size;
    }
    return count;
}

const ArrayInfo* named(const std::vector<ArrayInfo>& arrays, const QString& name) {
    const auto found = std::ranges::find(arrays, name, &ArrayInfo::name);
    return found == arrays.end() ? nullptr : &*found;
}

void miss(PlannedInput& planned, const QString& missing, const QString& hint) {
    planned.missing = missing;
    planned.hint = hint;
}

void takeArray(PlannedInput& planned, const ArrayInfo& array) {
    planned.source.kind = Kind::File;
    planned.source.array = array.name;
    planned.shape = array.shape;
    const std::int64_t count = elements(array.shape);
    if (planned.input.kind == quant::ArgumentInfo::Kind::Other)
        miss(planned, tr("is a %1, which no file of samples holds").arg(QString::fromStdString(planned.input.type)),
             tr("save the model with tensors and numbers as its inputs"));
    else if (planned.input.kind != quant::ArgumentInfo::Kind::Tensor && count != 1)
        miss(planned, tr("is one number, and %1 is an array").arg(array.name), tr("give a number"));
    else if (count == 0)
        miss(planned, tr("has no samples: %1 is empty").arg(array.name), tr("give at least one"));
}

/// As the request says.
void takeAsked(PlannedInput& planned, const std::vector<ArrayInfo>& arrays) {
    const bool tensor = planned.input.kind == quant::ArgumentInfo::Kind::Tensor;
    if (planned.source.kind == Kind::File) {
        if (const ArrayInfo* array = named(arrays, planned.source.array))
            takeArray(planned, *array);
        else
            miss(planned,
                 arrays.empty() ? tr("has no samples")
                                : tr("has no array: the samples hold no “%1”").arg(planned.source.array),
                 arrays.empty() ? tr("choose a file") : tr("choose another"));
        return;
    }
    planned.shape = planned.source.shape;
    if (planned.source.kind == Kind::Random && planned.shape.empty())
        planned.shape = planned.input.randomShape().value_or(planned.shape);
    if (std::ranges::any_of(planned.shape, [](std::int64_t size) { return size < 1; }) ||
        elements(planned.shape) > kMostElements)
        miss(planned, tr("has a shape that cannot be: %1").arg(shapeText(planned.shape)), tr("type another"));
    else if (planned.source.kind == Kind::Random && !tensor)
        miss(planned, tr("is a number, and random values are for tensors"), tr("give a number"));
    else if (planned.source.kind == Kind::Random && planned.shape.empty())
        miss(planned,
             planned.input.shape ? tr("has sizes that the file leaves open: %1").arg(shapeText(*planned.input.shape))
                                 : tr("has no shape, and the file tells none"),
             tr("type it, samples first, e.g. 16 × 1 × 28 × 28"));
    else if (planned.source.kind == Kind::Value && !std::isfinite(planned.source.value))
        miss(planned,
             tensor ? tr("has no value: one number everywhere") : tr("has no value: the model takes a number there"),
             tr("type it, e.g. %1")
                 .arg(tensor                                                     ? "0"
                      : planned.input.kind == quant::ArgumentInfo::Kind::Boolean ? "1"
                                                                                 : "16000"));
    else if (planned.source.kind == Kind::Value && planned.input.kind == quant::ArgumentInfo::Kind::Integer &&
             (planned.source.value != std::rint(planned.source.value) || std::abs(planned.source.value) > 0x1p53))
        miss(planned, tr("is a whole number"), tr("type one"));
}

/// What the request is silent about.
void missUnasked(PlannedInput& planned, const std::vector<ArrayInfo>& arrays) {
    if (planned.input.kind == quant::ArgumentInfo::Kind::Other) {
        miss(planned, tr("is a %1, which cannot be given here").arg(QString::fromStdString(planned.input.type)),
             tr("save the model with tensors and numbers as its inputs"));
    } else if (planned.input.kind != quant::ArgumentInfo::Kind::Tensor) {
        planned.source.kind = Kind::Value;
        planned.source.value = std::nan("");
        takeAsked(planned, arrays);
    } else if (arrays.empty()) {
        planned.source.kind = Kind::Random;
        miss(planned, tr("has no samples"),
             tr("choose a file, or type a shape for random ones, e.g. 16 × 1 × 28 × 28"));
    } else {
        QStringList names;
        for (const ArrayInfo& array : arrays)
            names << array.name;
        miss(planned, tr("has no array: none of the samples' has that name (%1)").arg(names.join(", ")),
             tr("choose which"));
    }
}

} // namespace

std::vector<ArrayInfo> infosOf(const quant::NamedArrays& arrays) {
    std::vector<ArrayInfo> infos;
    for (const auto& [name, array] : arrays.items)
        infos.push_back({QString::fromStdString(name), array.type, array.shape});
    return infos;
}

const PlannedInput* InputPlan::incomplete() const {
    const auto found = std::ranges::find_if(inputs, [](const PlannedInput& input) { return !input.missing.isEmpty(); });
    return found == inputs.end() ? nullptr : &*found;
}

bool PlannedInput::isExample() const {
    return missing.isEmpty() && source.kind == Kind::Random && source.shape.empty() && leavesSizesOpen(input);
}

bool leavesSizesOpen(const quant::ArgumentInfo& input) {
    return input.shape && std::ranges::any_of(*input.shape, [](std::int64_t size) { return size < 0; });
}

bool InputPlan::isRandom() const {
    return std::ranges::none_of(inputs, [](const PlannedInput& planned) {
        return planned.how != How::Default && planned.source.kind == Kind::File;
    });
}

InputPlan planInputs(const std::vector<quant::ArgumentInfo>& inputs, const std::vector<ArrayInfo>& arrays,
                     const OpenRequest& request) {
    InputPlan plan;
    std::vector<QString> used;
    std::vector<PlannedInput*> open;
    for (const quant::ArgumentInfo& input : inputs)
        plan.inputs.push_back({input, {}, How::Default, {}, {}, {}});
    for (PlannedInput& planned : plan.inputs) {
        const QString name = QString::fromStdString(planned.input.name);
        const auto asked = request.inputs.find(name);
        const ArrayInfo* array = named(arrays, name);
        if (asked != request.inputs.end() && (asked->second.kind != Kind::File || !asked->second.array.isEmpty())) {
            planned.source = asked->second;
            planned.how = How::Asked;
            takeAsked(planned, arrays);
        } else if (array && (!planned.input.optional || request.inputs.empty())) {
            planned.how = How::ByName;
            takeArray(planned, *array);
        } else if (!planned.input.optional) {
            planned.how = How::Asked;
            open.push_back(&planned);
        }
        if (planned.how != How::Default && planned.source.kind == Kind::File)
            used.push_back(planned.source.array);
    }
    const auto isUnused = [&](const ArrayInfo& array) { return std::ranges::find(used, array.name) == used.end(); };
    const auto isTensor = [](const PlannedInput* planned) {
        return planned->input.kind == quant::ArgumentInfo::Kind::Tensor;
    };
    const bool alone = std::ranges::count_if(open, isTensor) == 1 && std::ranges::count_if(arrays, isUnused) == 1;
    for (PlannedInput* planned : open) {
        if (alone && isTensor(planned)) {
            planned->how = How::Alone;
            takeArray(*planned, *std::ranges::find_if(arrays, isUnused));
            used.push_back(planned->source.array);
        } else {
            missUnasked(*planned, arrays);
        }
    }
    for (const ArrayInfo& array : arrays) {
        if (isUnused(array))
            plan.unused.push_back(array.name);
    }
    bool agree = true;
    for (const PlannedInput& planned : plan.inputs) {
        if (planned.how == How::Default || planned.input.kind != quant::ArgumentInfo::Kind::Tensor)
            continue;
        const std::int64_t first = planned.shape.empty() ? 0 : planned.shape.front();
        agree = agree && first > 0 && (plan.sampleCount == 0 || plan.sampleCount == first);
        plan.sampleCount = first;
    }
    if (!agree || plan.sampleCount == 0)
        plan.sampleCount = 1;
    return plan;
}

std::int64_t chosenOn(std::int64_t count, double heldOut) {
    if (!(heldOut > 0) || count < 2)
        return 0;
    return std::clamp<std::int64_t>(std::llround(static_cast<double>(count) * (1 - heldOut)), 1, count - 1);
}

quant::NamedArrays plannedValues(const InputPlan& plan, const quant::NamedArrays& arrays, const OpenRequest& request,
                                 const quant::Session& session) {
    if (const PlannedInput* incomplete = plan.incomplete())
        throw Incomplete(incomplete->input.name, incomplete->missing.toStdString(), incomplete->hint.toStdString());
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
    quant::NamedArrays values;
    for (const PlannedInput& planned : plan.inputs) {
        if (planned.how == How::Default)
            continue;
        const std::string& name = planned.input.name;
        if (planned.source.kind == Kind::File)
            values.items.emplace_back(name, *arrays.find(planned.source.array.toStdString()));
        else if (planned.source.kind == Kind::Random)
            shapes.emplace_back(name, planned.shape);
        else if (planned.input.kind == quant::ArgumentInfo::Kind::Integer ||
                 planned.input.kind == quant::ArgumentInfo::Kind::Boolean)
            values.items.emplace_back(name,
                                      quant::Array::ofIntegers({}, {static_cast<std::int64_t>(planned.source.value)}));
        else
            values.items.emplace_back(
                name, quant::Array::ofFloats(planned.shape,
                                             std::vector<float>(static_cast<std::size_t>(elements(planned.shape)),
                                                                static_cast<float>(planned.source.value))));
    }
    if (!shapes.empty()) {
        // The session names all that has no shape; those that come from elsewhere get one that is not looked at.
        const std::vector<std::int64_t> unused{1};
        auto all = shapes;
        all.emplace_back("", unused);
        for (auto& [name, array] : session.randomSamples(request.seed, all).inputs.items) {
            if (std::ranges::find(shapes, name, &std::pair<std::string, std::vector<std::int64_t>>::first) !=
                shapes.end())
                values.items.emplace_back(name, std::move(array));
        }
    }
    return values;
}

QString shapeText(const std::vector<std::int64_t>& shape) {
    QStringList sizes;
    for (const std::int64_t size : shape)
        sizes << (size < 0 ? QStringLiteral("?") : QString::number(size));
    return sizes.join(QStringLiteral(" × "));
}

std::optional<std::vector<std::int64_t>> shapeFrom(const QString& text) {
    static const QRegularExpression between(QStringLiteral("\\s*[x×*,;\\s]\\s*"),
                                            QRegularExpression::CaseInsensitiveOption);
    std::vector<std::int64_t> shape;
    QString inner = text.trimmed();
    if ((inner.startsWith('(') && inner.endsWith(')')) || (inner.startsWith('[') && inner.endsWith(']')))
        inner = inner.mid(1, inner.size() - 2).trimmed();
    for (const QString& part : inner.split(between, Qt::SkipEmptyParts)) {
        bool whole = false;
        shape.push_back(part.toLongLong(&whole));
        if (!whole || shape.back() < 1)
            return std::nullopt;
    }
    return shape;
}

} // namespace fxp::model
