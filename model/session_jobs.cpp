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

std::optional<ArraysPointer> finetune(const Target& target, const quant::FinetuneOptions& options,
                                      const JobControl& control) {
    const auto report = [&control](const quant::EpochReport& epoch) {
        control.retitle(tr("Training: epoch %1, loss %2, accuracy %3 %")
                            .arg(epoch.epoch)
                            .arg(epoch.loss, 0, 'f', 3)
                            .arg(100 * epoch.accuracy, 0, 'f', 1));
    };
    const quant::NamedArrays tuned = sessionOf(target, control).finetune(target.formats, options, report, control);
    return tuned.items.empty() ? std::nullopt : std::optional(merged(target.weights, tuned));
}

std::optional<std::vector<quant::LogDifference>> compareLog(const Target& target, const QString& file,
                                                            const JobControl& control) {
    const auto log = quant::readActivationLog(std::string(quant::readFile(file.toStdString()).text()));
    return quant::compareLogs(log, sessionWithRun(target, control).log());
}

} // namespace fxp::model
