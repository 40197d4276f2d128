#include "model/session_jobs.h"

#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/import/read_weights.h"
#include "quant/io/safetensors.h"

#include <QCoreApplication>

namespace fxp::model {

namespace {

bool stopped(const JobControl& control) {
    return control.stop && control.stop();
}

QString tr(const char* text) {
    return QCoreApplication::translate("SessionJobs", text);
}

/// The session with a complete run of the formats shown; runs it where the last run had other formats, samples or
/// weights.
quant::Session& sessionWithRun(const Target& target, const JobControl& control) {
    quant::Session& session = sessionOf(target, control);
    quant::RunControl quiet;
    quiet.stop = control.stop;
    quiet.edit = target.edit;
    if (!session.latest() && !session.run(target.formats, quiet))
        throw quant::Stopped();
    return session;
}

} // namespace

std::optional<Folded> fold(const Target& target, const std::set<std::string>& norms, const QByteArray& qconfig,
                           const JobControl& control) {
    quant::Session& session = sessionOf(target, control);
    if (!session.setFoldedBatchNorms(norms, control))
        return std::nullopt;
    const auto model = describe(session, target.model->identity, target.model->request);
    model->randomSamples = target.model->randomSamples;
    Folded folded{model, std::nullopt, {}};
    if (!qconfig.isEmpty()) {
        quant::QConfigFile config =
            quant::readQConfig(qconfig.toStdString(), folded.model->layers, folded.model->slots);
        folded.formats = std::move(config.formats);
        folded.note = std::move(config.note);
    }
    return folded;
}

std::optional<Folded> foldAndCalibrate(const Target& target, const std::set<std::string>& norms,
                                       const JobControl& control) {
    std::map<std::string, std::string> normOf; // by the layer before it
    for (const auto& [norm, layer] : sessionOf(target, control).batchNormFolds()) {
        if (norms.contains(norm))
            normOf.emplace(layer, norm);
    }
    auto folded = fold(target, norms, {}, control);
    if (!folded)
        return std::nullopt;
    const auto formatOf = [&](const std::string& path) {
        const auto found = target.model->slotByPath.find(path);
        return found == target.model->slotByPath.end() ? quant::QType()
                                                       : target.formats[static_cast<std::size_t>(found->second)];
    };
    quant::CalibrationOptions options;
    quant::Formats given(folded->model->slots.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
        const quant::SlotInfo& slot = folded->model->slots[i];
        given[i] = formatOf(slot.path);
        const auto norm = normOf.find(slot.layerPath);
        if (norm == normOf.end())
            continue;
        const quant::QType ofNorm = formatOf(norm->second + "." + slot.name);
        const bool takes = slot.name == "activation" || (slot.name == "bias" && given[i].isFloat());
        if (takes && ofNorm.isComplete())
            given[i] = ofNorm;
        options.refit.push_back(i);
    }
    folded->formats = target.workspace->session->calibrate(given, options, control); // as it is folded now
    return folded->formats ? folded : std::nullopt;
}

std::optional<Restored> restore(const Target& target, const EditState& state, const JobControl& control) {
    Restored restored;
    if (!state.weights.isEmpty()) {
        // Those of the target with none replaced are the model's own.
        Target own = target;
        own.weights = nullptr;
        restored.weights = readWeights(own, state.weights, control).value_or(nullptr);
    }
    const auto folded = fold(target, state.folded, {}, control);
    if (!folded)
        return std::nullopt;
    restored.model = folded->model;
    return restored;
}

std::optional<bool> run(const Target& target, const JobControl& control) {
    quant::Session& session = sessionOf(target, control);
    quant::RunControl numbered = control;
    numbered.edit = target.edit;
    if (session.run(target.formats, numbered))
        return true;
    if (session.latest() && control.publish)
        control.publish(session.latest());
    return std::nullopt;
}

std::optional<Calibrated> calibrate(const Target& target, const CalibrationRequest& request,
                                    const JobControl& control) {
    quant::Session& session = sessionOf(target, control);
    const auto start = request.start(target);
    const auto formats = session.calibrate(start.given, start.options, control);
    if (!formats)
        return std::nullopt;
    Calibrated result{target.layout, {}};
    for (std::size_t i = 0; i < formats->size(); ++i) {
        if ((*formats)[i] != target.formats[i])
            result.edit.emplace(static_cast<int>(i), (*formats)[i]);
    }
    return result;
}

std::optional<std::vector<double>> table(const Target& target, const TableRequest& request, const JobControl& control) {
    if (target.layout != request.layout)
        return std::vector<double>();
    auto values = sessionWithRun(target, control)
                      .sqnrTable(static_cast<std::size_t>(request.slot), request.totals, request.integers,
                                 request.method, control);
    return stopped(control) ? std::nullopt : std::optional(std::move(values));
}

std::optional<ArraysPointer> readWeights(const Target& target, const QString& file, const JobControl& control) {
    const quant::Session& session = sessionOf(target, control);
    const quant::NamedArrays values = quant::readWeights(file.toStdString());
    session.requireParameters(values);
    return merged(target.weights, values);
}

std::optional<Nothing> saveWeights(const Target& target, const QString& file, const JobControl& control) {
    quant::writeSafetensors(file.toStdString(), sessionOf(target, control).parameters());
    return Nothing();
}

std::optional<Trained> finetune(const Target& target, const quant::FinetuneOptions& asked, const JobControl& control) {
    const auto report = [&control](const quant::EpochReport& epoch) {
        const quant::Score& score = epoch.judging();
        control.retitle((epoch.heldOut.samples > 0 ? tr("Training: epoch %1, held out: loss %2, accuracy %3 %")
                                                   : tr("Training: epoch %1, loss %2, accuracy %3 %"))
                            .arg(epoch.epoch)
                            .arg(score.loss, 0, 'f', 3)
                            .arg(100 * score.accuracy, 0, 'f', 1));
    };
    quant::Session& session = sessionOf(target, control);
    quant::FinetuneOptions options = asked;
    if (target.weights)
        options.original = target.workspace->original;
    Trained trained{nullptr, session.finetune(target.formats, options, report, control)};
    if (trained.report.parameters.items.empty())
        return std::nullopt;
    trained.weights = merged(target.weights, trained.report.parameters);
    trained.report.parameters = {};
    return trained;
}

std::optional<std::vector<quant::LogDifference>> compareLog(const Target& target, const QString& file,
                                                            const JobControl& control) {
    const auto log = quant::readActivationLog(std::string(quant::readFile(file.toStdString()).text()));
    return quant::compareLogs(log, sessionWithRun(target, control).log());
}

} // namespace fxp::model
