#include "app/cli/commands.h"

#include "quant/io/json.h"
#include "quant/io/safetensors.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>

namespace fxp::cli {

using quant::Json;

void Commands::declareFinetune(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("finetune", "train a classifier's weights with the formats in place, write them");
    declareInputs(*command, true);
    command->add_option("--labels", m_options.labels, ".npy or .npz with one class per sample")->required();
    command->add_option("--qconfig", m_options.qconfig, "formats to train with")->required();
    command->add_option("-o,--output", m_options.output, "weights to write, .safetensors")->required();
    quant::FinetuneOptions& training = m_options.training;
    command->add_option("--epochs", training.epochs, "passes over the samples")->check(CLI::PositiveNumber);
    command->add_option("--batch-size", training.batchSize, "samples in a step")->check(CLI::PositiveNumber);
    command->add_option("--learning-rate", training.learningRate, "of Adam")->check(CLI::PositiveNumber);
    command->add_option("--seed", training.seed, "of the order in which the samples come");
    command->add_flag("--quantize-weights-bias", training.quantizeParameters, "write weights and biases quantized");
    command->add_flag("--any-model", m_options.anyModel, "take a QConfig that was made for another model file");
    command->callback([this] { m_chosen = [this] { finetune(); }; });
}

void Commands::finetune() {
    auto session = open();
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    Json epochs = Json::array();
    const auto report = [&](const quant::EpochReport& epoch) {
        epochs.push_back({{"epoch", epoch.epoch},
                          {"loss", quant::jsonNumber(epoch.loss)},
                          {"accuracy", quant::jsonNumber(epoch.accuracy)}});
        if (!m_options.json) {
            std::printf("epoch %3d of %d   loss %.4f   accuracy %.2f %%\n", epoch.epoch, m_options.training.epochs,
                        epoch.loss, 100 * epoch.accuracy);
            std::fflush(stdout);
        }
    };
    const quant::NamedArrays tuned = session->finetune(formats, m_options.training, report);
    quant::writeSafetensors(m_options.output, tuned);
    if (m_options.json)
        std::cout << Json{{"weights", m_options.output}, {"epochs", epochs}}.dump(2) << '\n';
}

} // namespace fxp::cli
