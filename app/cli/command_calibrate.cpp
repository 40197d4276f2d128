#include "app/cli/commands.h"

#include "app/cli/text.h"
#include "quant/core/notation.h"
#include "quant/io/atomic_file.h"
#include "quant/io/json.h"

#include <CLI/CLI.hpp>

#include <iostream>

namespace fxp::cli {

using quant::Json;

namespace {

template <class Values> std::vector<std::string> namesOf(const Values& values) {
    std::vector<std::string> names;
    for (const auto value : values)
        names.emplace_back(quant::name(value));
    return names;
}

} // namespace

void Commands::declareCalibrate(CLI::App& app) {
    CLI::App* command = app.add_subcommand("calibrate", "choose formats from the samples' ranges, write a QConfig");
    declareInputs(*command, false);
    command->add_option("-o,--output", m_options.output, "QConfig file to write")->required();
    const CLI::Range bits(quant::kMinTotalBits, quant::kMaxTotalBits);
    command->add_option("--weight-bits", m_options.bits.weights, "total bits of weights")->check(bits);
    command->add_option("--activation-bits", m_options.bits.activations, "total bits of activations")->check(bits);
    command->add_option("--bias-bits", m_options.bits.biases, "total bits of biases")->check(bits);
    command->add_option("--method", m_options.method, "from ranges to bits")
        ->check(CLI::IsMember({"no_overflow", "high_precision", "min_mse", "percentile", "kl", "entropy"}));
    command->add_option("--percentile", m_options.percentile, "of --method percentile: per cent of the values to hold")
        ->check(CLI::Range(0.0, 100.0));
    command->add_option("--scheme", m_options.scheme, "how integers are scaled")
        ->check(CLI::IsMember(namesOf(quant::kSchemes)));
    command->add_flag("--per-channel", m_options.perChannel, "a scale for each output channel of the weights");
    command->add_flag("--fold-batch-norm", m_options.foldBatchNorms,
                      "make batch norms part of the layers before them; the QConfig says which");
    command->add_option("--accumulator-bits", m_options.accumulatorBits, "total bits of accumulators (default: exact)")
        ->check(bits);
    command->add_option("--rounding", m_options.rounding)->check(CLI::IsMember(namesOf(quant::kRoundings)));
    command->add_option("--overflow", m_options.overflow)->check(CLI::IsMember(namesOf(quant::kOverflows)));
    command->add_option("--same", m_options.same, "groups that share a format: wb, qkv, all, ff, fc")
        ->delimiter(',')
        ->check(CLI::IsMember(namesOf(quant::kGroups)));
    command->add_flag("--for-fxpytorch", m_options.forFxPyTorch, "refuse what FxPyTorch cannot read");
    command->callback([this] { m_chosen = [this] { calibrate(); }; });
}

void Commands::calibrate() {
    auto session = open();
    requireInputs(*session);
    session->setSamples(samples(*session));
    if (m_options.foldBatchNorms) {
        for (const auto& [path, why] : session->unfoldableBatchNorms())
            std::cerr << "fxp: " << oneLine(path + " " + why) << ": it is not folded\n";
        const auto norms = session->foldableBatchNorms();
        session->setFoldedBatchNorms({norms.begin(), norms.end()});
    }
    quant::BitBudget bits = m_options.bits;
    for (const auto rounding : quant::kRoundings)
        if (m_options.rounding == name(rounding))
            bits.rounding = rounding;
    for (const auto overflow : quant::kOverflows)
        if (m_options.overflow == name(overflow))
            bits.overflow = overflow;
    quant::CalibrationOptions options;
    options.parameters = options.activations = *quant::parseCalibrationMethod(m_options.method);
    options.percentile = m_options.percentile;
    options.scheme = *quant::parseScheme(m_options.scheme);
    options.perChannelWeights = m_options.perChannel;
    if (m_options.accumulatorBits > 0)
        bits.accumulators = m_options.accumulatorBits;
    for (const std::string& same : m_options.same)
        options.groups.insert(*quant::parseGroup(same));
    const auto formats = session->calibrate(quant::startingFormats(session->slots(), bits), options);
    const auto write = m_options.forFxPyTorch ? quant::writeForFxPyTorch : quant::writeQConfig;
    quant::writeFileAtomically(m_options.output,
                               write(identity(*session), session->layers(), session->slots(), *formats));
    if (m_options.json) {
        std::cout << Json{{"qconfig", m_options.output}, {"tensors", session->slots().size()}}.dump() << '\n';
        return;
    }
    for (std::size_t i = 0; i < formats->size(); ++i) {
        if (!session->slots()[i].absent && !((*formats)[i].isFloat() && session->slots()[i].optional))
            std::cout << oneLine(session->slots()[i].path) << "  "
                      << quant::write((*formats)[i], quant::Notation::SignIntegerFraction) << "  "
                      << (*formats)[i].totalBits.value_or(32) << " bits\n";
    }
}

} // namespace fxp::cli
