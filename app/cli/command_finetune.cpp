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
    command
        ->add_option("--held-out-every", training.heldOutEvery,
                     "every so-manieth sample only judges the epochs; 0: all are trained on")
        ->check(CLI::NonNegativeNumber);
    command->add_flag("--quantize-weights-bias", training.quantizeParameters, "write weights and biases quantized");
    command->add_flag("--any-model", m_options.anyModel, "take a QConfig that was made for another model file");
    command->callback([this] { m_chosen = [this] { finetune(); }; });
}

namespace {

Json scoreJson(const quant::Score& score) {
    return {{"samples", score.samples},
            {"loss", quant::jsonNumber(score.loss)},
            {"accuracy", quant::jsonNumber(score.accuracy)}};
}

Json epochJson(const quant::EpochReport& epoch) {
    Json json{{"epoch", epoch.epoch},
              {"loss", quant::jsonNumber(epoch.training.loss)},
              {"accuracy", quant::jsonNumber(epoch.training.accuracy)}};
    if (epoch.heldOut.samples > 0)
        json["held_out"] = scoreJson(epoch.heldOut);
    return json;
}

void print(const std::string& heading, const quant::EpochReport& epoch) {
    std::printf("%-18s loss %.4f   accuracy %.2f %%", heading.c_str(), epoch.training.loss,
                100 * epoch.training.accuracy);
    if (epoch.heldOut.samples > 0)
        std::printf("   held out: loss %.4f   accuracy %.2f %%", epoch.heldOut.loss, 100 * epoch.heldOut.accuracy);
    std::printf("\n");
    std::fflush(stdout);
}

} // namespace

void Commands::finetune() {
    auto session = open();
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    Json epochs = Json::array();
    const auto report = [&](const quant::EpochReport& epoch) {
        epochs.push_back(epochJson(epoch));
        if (!m_options.json)
            print("epoch " + std::to_string(epoch.epoch) + " of " + std::to_string(m_options.training.epochs), epoch);
    };
    const quant::Finetuned tuned = session->finetune(formats, m_options.training, report);
    quant::writeSafetensors(m_options.output, tuned.parameters);
    if (m_options.json) {
        std::cout << Json{{"weights", m_options.output},
                          {"samples", tuned.best.training.samples},
                          {"held_out_samples", tuned.best.heldOut.samples},
                          {"original", epochJson(tuned.original)},
                          {"epochs", epochs},
                          {"kept", tuned.best.epoch}}
                         .dump(2)
                  << '\n';
        return;
    }
    print("in float, before", tuned.original);
    std::printf("kept: epoch %d, the best of %lld samples %s\n", tuned.best.epoch,
                static_cast<long long>(tuned.best.judging().samples),
                tuned.best.heldOut.samples > 0 ? "held out" : "trained on: none were held out");
}

} // namespace fxp::cli
