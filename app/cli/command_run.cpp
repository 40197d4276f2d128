#include "app/cli/commands.h"

#include "app/cli/text.h"
#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/io/activation_log.h"
#include "quant/io/atomic_file.h"
#include "quant/io/json.h"
#include "quant/io/log_comparison.h"
#include "quant/io/npz.h"
#include "quant/io/report.h"
#include "quant/report/csv_report.h"
#include "quant/report/html_report.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <iostream>

namespace fxp::cli {

using quant::Json;

void Commands::declareRun(CLI::App& app) {
    CLI::App* command = app.add_subcommand("run", "run the quantized model against float");
    declareInputs(*command, false);
    command->add_option("--qconfig", m_options.qconfig, "formats (default: all float)");
    command->add_option("--labels", m_options.labels, ".npy or .npz with one class per sample");
    command->add_option("--report", m_options.report, "every figure of every tensor, as JSON");
    command->add_option("--html", m_options.html, "the run for those who were not there: one HTML file with its plots");
    command->add_option("--csv", m_options.csv, "the figures of every tensor, as a table");
    command->add_option("--log", m_options.log, "activation log, as JSON");
    command->add_flag("--log-values", m_options.logValues, "store the tensors' values in the log");
    command->add_option("--compare-log", m_options.compareLog,
                        "activation log, FxPyTorch's or an earlier one, to compare the run's tensors with; exit 1 when "
                        "one differs");
    command->add_option("--outputs", m_options.outputs, "the quantized model's outputs, as .npz");
    command->add_flag("--any-model", m_options.anyModel, "take a QConfig that was made for another model file");
    command->callback([this] { m_chosen = [this] { runModel(); }; });
}

void Commands::compareLog(const std::vector<quant::Session::LoggedTensor>& run) const {
    std::vector<quant::LogDifference> differences;
    try {
        differences = quant::compareLogs(
            quant::readActivationLog(std::string(quant::readFile(m_options.compareLog).text())), run);
    } catch (const Error& error) {
        throw Error(m_options.compareLog + ": " + error.where, error.problem, error.hint);
    }
    using Kind = quant::LogDifference::Kind;
    std::size_t equal = 0;
    const quant::LogDifference* first = nullptr;
    for (const auto& d : differences) {
        const bool same = d.kind == Kind::Equal || d.kind == Kind::NotStored;
        equal += same;
        first = first || same ? first : &d;
        if (!same && !m_options.json)
            std::printf("%-12s %s  %lld of %lld differ, at most %.6g, first %s\n", std::string(name(d.kind)).c_str(),
                        oneLine(d.key).c_str(), static_cast<long long>(d.different), static_cast<long long>(d.count),
                        d.largest, d.firstAt.c_str());
    }
    if (m_options.json)
        std::cout << toJson(differences).dump(2) << '\n';
    else
        std::printf("%zu of %zu tensors equal\n", equal, differences.size());
    if (first)
        throw Error(first->key, "the run differs from the log here first", "see the list");
}

void Commands::writeReports(const quant::Session& session, const quant::Formats& formats,
                            const quant::RunResult& result) const {
    if (m_options.report.empty() && m_options.html.empty() && m_options.csv.empty())
        return;
    const quant::ModelIdentity model = identity(session);
    quant::ReportSubject subject{model, {}, session.sampleCount(), session.slots(), formats, result};
    const auto add = [&](const char* use, const std::string& file) {
        if (file.empty())
            return;
        const std::filesystem::path path(file);
        const bool one = std::filesystem::is_regular_file(path); // not a folder of images
        subject.files.push_back({use, path.filename().string(), one ? quant::sha256OfFile(file) : ""});
    };
    add("Weights", m_options.weights);
    for (const std::string& input : m_options.inputs) {
        if (input == "random" || input.starts_with("random:"))
            subject.files.push_back({"Samples", input, ""});
        else
            add("Samples", input);
    }
    for (const std::string& setting : m_options.settings)
        subject.files.push_back({"Setting", setting, ""});
    add("Labels", m_options.labels);
    add("QConfig", m_options.qconfig);
    if (!m_options.report.empty())
        quant::writeFileAtomically(
            m_options.report,
            quant::report(model, session.sampleCount(), session.slots(), formats, result).dump(1) + "\n");
    if (!m_options.html.empty())
        quant::writeFileAtomically(
            m_options.html,
            quant::htmlReport(subject, quant::writeQConfig(model, session.layers(), session.slots(), formats)));
    if (!m_options.csv.empty())
        quant::writeFileAtomically(m_options.csv, quant::csvReport(subject));
}

void Commands::runModel() {
    auto session = open();
    if (session->isWeightsOnly())
        throw Error(m_options.model, "holds weights and no program, and cannot be run",
                    "open the model, and give this file as --weights");
    requireInputs(*session);
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    const auto result = session->run(formats);
    writeReports(*session, formats, *result);
    if (!m_options.log.empty())
        quant::writeFileAtomically(m_options.log,
                                   quant::activationLog(session->log(), m_options.logValues).dump(1) + "\n");
    if (!m_options.outputs.empty())
        quant::writeNpz(m_options.outputs, session->outputs());
    for (const std::string& note : result->notes)
        std::cerr << "fxp: " << oneLine(note) << '\n';
    if (!result->collapse.empty())
        std::cerr << "fxp: first below " << quant::kCollapsedSqnr << " dB: " << oneLine(result->collapse) << '\n';
    for (const std::string& warning : result->warnings)
        std::cerr << "fxp: " << oneLine(warning) << '\n';
    if (!result->predictions.note.empty())
        std::cerr << "fxp: " << oneLine(result->predictions.note) << '\n';
    if (!m_options.compareLog.empty()) {
        compareLog(session->log());
        return;
    }
    if (m_options.json) {
        const Json report =
            quant::report(identity(*session), session->sampleCount(), session->slots(), formats, *result);
        std::cout << report.dump(2) << '\n';
        return;
    }
    std::printf("samples         %lld\n", static_cast<long long>(session->sampleCount()));
    for (std::size_t i = 0; i < result->outputs.size(); ++i)
        std::printf("output_%zu        SQNR %.2f dB, MSE %.4g, largest error %.4g\n", i, result->outputs[i].sqnr,
                    result->outputs[i].mse, result->outputs[i].maxError);
    std::printf("same class      %s\n", percent(result->predictions.agreement()).c_str());
    std::printf("accuracy        %s float, %s fixed\n", percent(result->predictions.accuracyFloat()).c_str(),
                percent(result->predictions.accuracyFixed()).c_str());
    const auto bits = quant::weightBits(session->slots(), formats);
    std::printf("weights         %lld bits (float32: %lld)\n", static_cast<long long>(bits.fixed),
                static_cast<long long>(bits.asFloat));
    for (std::size_t i = 0; i < formats.size(); ++i) {
        const quant::AccumulatorUse& use = result->accumulators[i];
        if (session->slots()[i].optional && use.worstBits > 0)
            std::printf("accumulator     %s: %d bits at worst, %d seen\n", oneLine(session->slots()[i].path).c_str(),
                        use.worstBits, use.observedBits);
    }
    for (std::size_t i = 0; i < formats.size(); ++i) {
        const auto& slot = result->slots[i];
        if (slot && slot->figures.overflow() > 0)
            std::printf("overflow        %s: %lld of %lld\n", oneLine(session->slots()[i].path).c_str(),
                        static_cast<long long>(slot->figures.overflow()), static_cast<long long>(slot->figures.count));
    }
}

} // namespace fxp::cli
