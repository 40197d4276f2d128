#include "app/gui/open_notes.h"

#include <QCoreApplication>
#include <QLocale>

#include <algorithm>

namespace fxp::gui {

namespace {

constexpr double kKilo = 1e3, kMega = 1e6;
constexpr std::size_t kNamedArrays = 3;

QString tr(const char* text, int n = -1) {
    return QCoreApplication::translate("OpenNotes", text, nullptr, n);
}

QString grouped(std::int64_t number) {
    return QLocale().toString(static_cast<qlonglong>(number));
}

QString sizeText(std::int64_t bytes) {
    const auto size = static_cast<double>(bytes);
    return size < 0.1 * kMega ? tr("%1 kB").arg(QLocale().toString(size / kKilo, 'f', size < 10 * kKilo ? 1 : 0))
                              : tr("%1 MB").arg(QLocale().toString(size / kMega, 'f', 1));
}

QString foundBeside(const QString& text, bool beside) {
    return beside ? text + tr("; found beside the model") : text;
}

QString describe(const std::string& name, const quant::Array& array) {
    const QString type = array.type == quant::ElementType::Float32 ? QStringLiteral("float32")
                         : array.type == quant::ElementType::Int64 ? QStringLiteral("int64")
                                                                   : QStringLiteral("bool");
    const QString shape = array.shape.empty() ? tr("scalar") : model::shapeText(array.shape);
    return QString::fromStdString(name) + ", " + shape + ' ' + type;
}

} // namespace

QString modelNote(const quant::ModelSignature& signature) {
    QStringList facts;
    QString kind = QString::fromLatin1(nameOf(signature.container).data());
    if (!signature.version.empty())
        kind += tr(", archive version %1").arg(QString::fromStdString(signature.version));
    facts << kind << sizeText(signature.fileBytes);
    if (!signature.problem.empty())
        return facts.join(QStringLiteral(" · "));
    facts << (signature.parameters < 1'000'000
                  ? tr("%1 parameters").arg(grouped(signature.parameters))
                  : tr("%1 M parameters")
                        .arg(QLocale().toString(static_cast<double>(signature.parameters) / kMega, 'f', 2)))
          << (signature.modules == 1 ? tr("1 module") : tr("%1 modules").arg(grouped(signature.modules)));
    QStringList outputs;
    for (const std::string& type : signature.outputs)
        outputs << (type == "Tensor" ? tr("tensor") : QString::fromStdString(type));
    return facts.join(QStringLiteral(" · ")) +
           (outputs.isEmpty() ? QString() : '\n' + tr("outputs: %1").arg(outputs.join(QStringLiteral(", "))));
}

QString samplesNote(const model::SamplesFacts& facts, const model::InputPlan* plan, bool beside) {
    const auto& items = facts.arrays.items;
    QStringList names;
    for (std::size_t i = 0; i < std::min(items.size(), kNamedArrays); ++i)
        names << describe(items[i].first, items[i].second);
    QString text = (items.size() == 1 ? tr("1 array: %1") : tr("%1 arrays: %2").arg(items.size()))
                       .arg(names.join(QStringLiteral("; ")));
    if (items.size() > kNamedArrays)
        text += QStringLiteral("; …");
    if (plan) {
        for (const auto& planned : plan->inputs) {
            if (planned.how == model::PlannedInput::How::Alone)
                text += tr("; taken for “%1”, the only input left").arg(QString::fromStdString(planned.input.name));
        }
        if (!plan->unused.empty() && plan->unused.size() < items.size())
            text += tr("; not used: %1").arg(QStringList(plan->unused.begin(), plan->unused.end()).join(", "));
    }
    return foundBeside(text, beside);
}

QString labelsNote(const std::vector<std::int32_t>& labels, std::int64_t samples, bool beside) {
    const auto count = static_cast<std::int64_t>(labels.size());
    if (samples > 0 && count != samples)
        return tr("%1 labels for %2 samples: it opens without labels").arg(grouped(count), grouped(samples));
    const auto range = std::ranges::minmax_element(labels);
    return foundBeside(tr("%1 labels, classes %2 … %3").arg(grouped(count)).arg(*range.min).arg(*range.max), beside);
}

QString formatsNote(const model::FormatsFacts& facts, bool beside) {
    const QString text = facts.tensors == 1 ? tr("1 format") : tr("%1 formats").arg(grouped(facts.tensors));
    if (!facts.madeFor.isEmpty())
        return text + tr("; made for another model file (%1): taken by the tensors' paths").arg(facts.madeFor);
    return foundBeside(text, beside);
}

QString sizesNote(const model::InputPlan& plan) {
    int tensors = 0;
    for (const auto& planned : plan.inputs)
        tensors +=
            planned.input.kind == quant::ArgumentInfo::Kind::Tensor && planned.how != model::PlannedInput::How::Default;
    if (plan.incomplete() || tensors == 0)
        return {};
    const auto example = std::ranges::find_if(plan.inputs, &model::PlannedInput::isExample);
    if (example != plan.inputs.end())
        return tr("The file leaves sizes of “%1” open (%2): %3 are an example; type others if the network is used "
                  "with others")
            .arg(QString::fromStdString(example->input.name), model::shapeText(*example->input.shape),
                 model::shapeText(example->shape));
    if (plan.sampleCount > 1)
        return tr("Every run takes all %1 samples; the split decides which of them choose")
            .arg(grouped(plan.sampleCount));
    return tensors == 1 ? tr("One sample") : tr("The inputs' first sizes are not one number of samples: all is one");
}

int classCount(const std::vector<std::int32_t>& labels) {
    return labels.empty() ? 0 : *std::ranges::max_element(labels) + 1;
}

} // namespace fxp::gui
