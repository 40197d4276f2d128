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

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>

namespace fxp::cli {

using quant::Json;

void Commands::declareRun(CLI::App& app) {
    CLI::App* command = app.add_subcommand("run", "run the quantized model against float");
    declareInputs(*command, false);
    command->add_option("--qconfig", m_options.qconfig, "formats (default: all float)");
    command->add_option("--labels", m_options.labels, ".npy or .npz with one class per sample");
    command->add_option("--report", m_options.report, "every figure of every tensor, as JSON");
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

void Commands::runModel() {
    auto session = open();
    if (session->isWeightsOnly())
        throw Error(m_options.model, "holds weights and no program, and cannot be run",
                    "open the model, and give this file as --weights");
    requireInputs(*session);
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    const quant::ModelIdentity model = identity(*session);
    const auto result = session->run(formats);
    const Json report = quant::report(model, session->sampleCount(), session->slots(), formats, *result);
    if (!m_options.report.empty())
        quant::writeFileAtomically(m_options.report, report.dump(1) + "\n");
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
