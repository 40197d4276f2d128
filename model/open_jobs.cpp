#include "model/file_check.h"
#include "model/input_plan.h"
#include "model/samples_loader.h"
#include "model/session_jobs.h"
#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/import/read_weights.h"
#include "quant/open_model.h"

#include <QCoreApplication>
#include <QFileInfo>

namespace fxp::model {

namespace {

constexpr std::int64_t kRandomSamples = 16;
constexpr std::size_t kNotes = 3; ///< of the recording, in one message

QString tr(const char* text) {
    return QCoreApplication::translate("OpenJobs", text);
}

/// Tells the step under way, and stops between two of them.
void beginStep(const JobControl& control, const OpenRequest& request, const QString& step) {
    quant::stopHere(control.stop);
    if (control.retitle)
        control.retitle(tr("Opening %1: %2").arg(QFileInfo(request.model).fileName(), step));
}

/// The request's samples in the session. What was left out of the request is taken out of it, with a note. False when
/// stopped.
bool giveSamples(quant::Session& session, OpenRequest& request, InputPlan& plan, QStringList& notes,
                 const JobControl& control) {
    if (session.isWeightsOnly()) {
        if (!request.samples.isEmpty())
            throw Error(request.model.toStdString(),
                        tr("holds weights and no program, and takes no samples").toStdString(),
                        tr("open the model, and load these weights into it").toStdString());
        request.labels.clear();
        notes
            << tr("%1 holds weights and no program: they can be given formats and exported. What the network does with "
                  "them is known once its model is open.")
                   .arg(QFileInfo(request.model).fileName());
        beginStep(control, request, tr("reading the weights"));
        return session.setSamples(std::make_shared<quant::Samples>(), control);
    }
    beginStep(control, request, tr("reading samples"));
    quant::NamedArrays arrays;
    if (!request.samples.isEmpty())
        arrays = readSamples(request.samples, control.stop);
    plan = planInputs(session.arguments(), infosOf(arrays), request);
    auto samples = std::make_shared<quant::Samples>();
    samples->inputs = plannedValues(plan, arrays, request, session);
    if (!request.labels.isEmpty()) {
        samples->labels = readLabels(request.labels);
        const auto count = static_cast<std::int64_t>(samples->labels.size());
        if (count != plan.sampleCount) {
            notes << tr("%1 has %2 labels for %3 samples: opened without labels.")
                         .arg(QFileInfo(request.labels).fileName())
                         .arg(count)
                         .arg(plan.sampleCount);
            samples->labels.clear();
            request.labels.clear();
        }
    }
    samples->chosenOn = chosenOn(plan.sampleCount, request.heldOut);
    arrays = {};
    beginStep(control, request, tr("running the float model"));
    const bool splits = samples->chosenOn > 0;
    if (!session.setSamples(std::move(samples), control))
        return false;
    if (splits && session.chosenOn() == 0)
        notes << tr("The model's samples cannot be told apart: formats are chosen and judged on all of them.");
    return true;
}

/// The weights of the file in the session; null where there is none.
void giveWeights(Workspace& workspace, const QString& file) {
    if (file.isEmpty())
        return;
    quant::Session& session = *workspace.session;
    const quant::NamedArrays values = quant::readWeights(file.toStdString());
    workspace.original = std::make_shared<const quant::NamedArrays>(session.parameters());
    session.setParameters(values);
    workspace.weights = merged(nullptr, values);
}

/// The formats of the file for the session, whose batch norms are folded as it says. Absent when stopped.
std::optional<quant::Formats> giveFormats(quant::Session& session, const quant::ModelIdentity& identity,
                                          const QString& file, bool anyModel, QStringList& notes,
                                          const JobControl& control) {
    if (file.isEmpty())
        return session.fileFormats();
    try {
        const std::string text(quant::readFile(file.toStdString()).text());
        if (!session.setFoldedBatchNorms(quant::foldedBatchNorms(text), control))
            return std::nullopt;
        quant::QConfigFile config = quant::readQConfig(text, session.layers(), session.slots());
        const QString other = tr("%1 was made for another model file (%2).")
                                  .arg(QFileInfo(file).fileName(), QString::fromStdString(config.model.name));
        if (config.isForOther(identity) && !anyModel)
            throw Incomplete("", other.toStdString(), tr("take its formats all the same, or others").toStdString());
        if (config.isForOther(identity))
            notes << other + " " + tr("Its formats are taken by the tensors' paths.");
        if (!config.note.empty())
            notes << QString::fromStdString(config.note);
        return std::move(config.formats);
    } catch (const Incomplete&) {
        throw;
    } catch (const Error& error) {
        throw Error(file.toStdString() + (error.where.empty() ? "" : ": " + error.where), error.problem, error.hint);
    }
}

/// What the user must know of the recording: the first few sentences, and how many more there are.
QStringList notesOf(const quant::Session& session) {
    QStringList notes;
    const auto all = session.notes();
    for (std::size_t i = 0; i < all.size() && i < kNotes; ++i)
        notes << QString::fromStdString(all[i]) + '.';
    if (all.size() > kNotes)
        notes << tr("And %1 more of this kind.").arg(all.size() - kNotes);
    return notes;
}

} // namespace

std::optional<Opened> openModel(const OpenRequest& asked, const quant::SessionOptions& options, bool anyModel,
                                const JobControl& control) {
    OpenRequest request = asked;
    beginStep(control, request, tr("reading the model"));
    Opened opened;
    opened.workspace = std::make_shared<Workspace>();
    opened.workspace->session = quant::openModel(request.model.toStdString(), options, control.stop, fileCheck());
    quant::Session& session = *opened.workspace->session;
    const quant::ModelIdentity identity{QFileInfo(request.model).completeBaseName().toStdString(),
                                        quant::sha256OfFile(request.model.toStdString(), control.stop)};
    giveWeights(*opened.workspace, request.weights);
    InputPlan plan;
    if (!giveSamples(session, request, plan, opened.notes, control))
        return std::nullopt;
    if (!request.qconfig.isEmpty())
        beginStep(control, request, tr("reading formats"));
    auto formats = giveFormats(session, identity, request.qconfig, anyModel, opened.notes, control);
    if (!formats)
        return std::nullopt;
    opened.formats = std::move(*formats);
    opened.weights = opened.workspace->weights;
    opened.notes << notesOf(session);
    const auto model = describe(session, identity, request);
    model->randomSamples = plan.isRandom() && !session.isWeightsOnly();
    opened.model = model;
    return opened;
}

std::optional<OpenedSamples> openSamples(const Target& target, const OpenRequest& asked, const JobControl& control) {
    quant::Session& session = sessionOf(target, control);
    OpenRequest request = target.model->request;
    request.samples = asked.samples;
    request.inputs = asked.inputs;
    request.seed = asked.seed;
    request.labels = asked.labels;
    request.heldOut = asked.heldOut;
    InputPlan plan;
    OpenedSamples opened;
    if (!giveSamples(session, request, plan, opened.notes, control))
        return std::nullopt;
    const auto model = describe(session, target.model->identity, request);
    model->randomSamples = plan.isRandom() && !session.isWeightsOnly();
    opened.model = model;
    return opened;
}

std::optional<OpenedSamples> openSamples(const Target& target, const QStringList& files, const QString& labels,
                                         const JobControl& control) {
    sessionOf(target, control);
    OpenRequest request = target.model->request;
    request.samples = files;
    request.labels = labels;
    std::erase_if(request.inputs, [](const auto& input) { return input.second.kind != InputSource::Kind::Value; });
    if (files.isEmpty()) {
        for (const auto& [name, array] : target.model->samples->inputs.items) {
            const QString input = QString::fromStdString(name);
            if (request.inputs.contains(input) || array.shape.empty())
                continue;
            InputSource random{InputSource::Kind::Random, {}, 0, array.shape};
            random.shape.front() = kRandomSamples;
            request.inputs.emplace(input, random);
        }
    }
    return openSamples(target, request, control);
}

std::optional<OpenedSamples> openLabels(const Target& target, const QString& file, const JobControl& control) {
    quant::Session& session = sessionOf(target, control);
    if (target.model->randomSamples)
        throw Error(file.toStdString(), "there are no samples to label", "open some first");
    auto labelled = std::make_shared<quant::Samples>(*target.model->samples);
    labelled->labels = readLabels(file);
    if (!session.setSamples(std::move(labelled), control))
        return std::nullopt;
    OpenRequest request = target.model->request;
    request.labels = file;
    const auto model = describe(session, target.model->identity, request);
    model->randomSamples = target.model->randomSamples;
    return OpenedSamples{model, {}};
}

} // namespace fxp::model
