#include "app/cli/commands.h"

#include "model/samples_loader.h"
#include "quant/core/error.h"
#include "quant/core/notation.h"
#include "quant/io/activation_log.h"
#include "quant/io/log_comparison.h"
#include "quant/io/npz.h"
#include "quant/io/report.h"
#include "quant/io/safetensors.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <QFileInfo>
#include <QSaveFile>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

namespace fxp::cli {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::int64_t kRandomSamples = 16;

void writeFile(const std::string& file, const std::string& text) {
    QSaveFile out(QString::fromStdString(file));
    if (!out.open(QIODevice::WriteOnly) || out.write(text.data(), static_cast<qint64>(text.size())) < 0 ||
        !out.commit())
        throw Error(file, "cannot be written: " + out.errorString().toStdString(),
                    "check the folder and its permissions");
}

std::string readFile(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw Error(file, "cannot be opened", "check the path");
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::pair<std::string, std::string> keyValue(const std::string& text, const std::string& option) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
        throw Error(option, "\"" + text + "\" has no =", "write NAME=VALUE");
    return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<std::int64_t> shapeOf(const std::string& text) {
    std::vector<std::int64_t> shape;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, 'x');) {
        char* end = nullptr;
        const long long size = std::strtoll(part.c_str(), &end, 10);
        if (part.empty() || *end != '\0' || size <= 0)
            throw Error("--shape", "\"" + text + "\" is no shape", "write it as 16x1x28x28");
        shape.push_back(size);
    }
    return shape;
}

std::string shapeText(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t size : shape)
        text += (text.empty() ? "" : "x") + std::to_string(size);
    return text;
}

template <class Values> std::vector<std::string> namesOf(const Values& values) {
    std::vector<std::string> names;
    for (const auto value : values)
        names.emplace_back(quant::name(value));
    return names;
}

std::string percent(const std::optional<double>& share) {
    if (!share)
        return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", 100 * *share);
    return text;
}

} // namespace

Commands::Commands(CLI::App& app) {
    declareInfo(app);
    declareCalibrate(app);
    declareRun(app);
    declareFinetune(app);
}

void Commands::run() {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    quant::setThreadCount(m_options.threads > 0 ? m_options.threads : cores);
    m_chosen();
}

void Commands::declareInputs(CLI::App& command, bool required) {
    command.add_option("model", m_options.model, "model file (TorchScript .pt)")->required();
    command.add_option("--weights", m_options.weights, ".safetensors that replace the model's parameters by name");
    auto* inputs =
        command.add_option("--inputs", m_options.inputs,
                           ".npy, .npz (arrays by the names of the model's inputs), images, a folder of images, "
                           "or random[:seed]");
    if (required)
        inputs->required();
    command.add_option("--set", m_options.settings, "NAME=VALUE: a number that the model takes beside its tensors");
    command.add_option("--shape", m_options.shapes, "[NAME=]16x1x28x28: shape of random inputs");
    command.add_option("--threads", m_options.threads, "threads to compute with (default: the machine's cores)")
        ->check(CLI::PositiveNumber);
    command.add_option("--memory", m_options.memory, "GiB for tensors kept between runs")->check(CLI::PositiveNumber);
    command.add_flag("--json", m_options.json, "print JSON");
}

void Commands::declareInfo(CLI::App& app) {
    CLI::App* command = app.add_subcommand("info", "the layer tree: paths, types, slots, shapes, parameters");
    declareInputs(*command, false);
    command->callback([this] { m_chosen = [this] { info(); }; });
}

void Commands::declareCalibrate(CLI::App& app) {
    CLI::App* command = app.add_subcommand("calibrate", "choose formats from the samples' ranges, write a QConfig");
    declareInputs(*command, true);
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

void Commands::declareRun(CLI::App& app) {
    CLI::App* command = app.add_subcommand("run", "run the quantized model against float");
    declareInputs(*command, true);
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

std::unique_ptr<quant::Session> Commands::open() const {
    quant::SessionOptions options;
    options.memoryBytes = static_cast<std::int64_t>(m_options.memory * static_cast<double>(std::int64_t{1} << 30));
    auto session = quant::openModel(m_options.model, options);
    if (!m_options.weights.empty())
        session->setParameters(quant::readSafetensors(m_options.weights));
    return session;
}

quant::ModelIdentity Commands::identity(const quant::Session& session) const {
    return {QFileInfo(QString::fromStdString(m_options.model)).completeBaseName().toStdString(),
            quant::sha256OfFile(m_options.model), session.foldedBatchNorms()};
}

quant::Samples Commands::samples(quant::Session& session) const {
    quant::Samples samples;
    const std::string first = m_options.inputs.empty() ? "random" : m_options.inputs.front();
    if (first == "random" || first.starts_with("random:")) {
        std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
        for (const std::string& text : m_options.shapes) {
            const std::size_t equals = text.find('=');
            const std::string name = equals == std::string::npos ? "" : text.substr(0, equals);
            shapes.emplace_back(name, shapeOf(equals == std::string::npos ? text : text.substr(equals + 1)));
        }
        std::uint64_t seed = 0;
        if (first.size() > 7) {
            char* end = nullptr;
            seed = std::strtoull(first.c_str() + 7, &end, 10);
            if (*end != '\0')
                throw Error("--inputs", "\"" + first + "\" has no number for its seed", "write random:7");
        }
        samples = session.randomSamples(seed, kRandomSamples, shapes);
    } else {
        QStringList files;
        for (const std::string& file : m_options.inputs)
            files << QString::fromStdString(file);
        samples.inputs = model::readSamples(files);
    }
    for (const std::string& text : m_options.settings) {
        const auto [name, value] = keyValue(text, "--set");
        char* end = nullptr;
        const double number = std::strtod(value.c_str(), &end);
        if (value.empty() || *end != '\0')
            throw Error("--set", "\"" + value + "\" is no number", "write NAME=VALUE");
        const bool whole = value.find_first_of(".eE") == std::string::npos;
        samples.inputs.items.emplace_back(name, whole
                                                    ? quant::Array::ofIntegers({}, {static_cast<std::int64_t>(number)})
                                                    : quant::Array::ofFloats({}, {static_cast<float>(number)}));
    }
    if (!m_options.labels.empty())
        samples.labels = model::readLabels(QString::fromStdString(m_options.labels));
    return samples;
}

void Commands::info() {
    auto session = open();
    std::string why;
    try {
        session->setSamples(samples(*session));
    } catch (const Error& error) {
        if (!m_options.inputs.empty())
            throw;
        why = error.what(); // the tree needs no run; its slots do
    }
    if (m_options.json) {
        Json json{
            {"format", "fxp-workbench/info"}, {"version", 1}, {"inputs", Json::array()}, {"modules", Json::array()}};
        for (const auto& argument : session->arguments())
            json["inputs"].push_back({{"name", argument.name}, {"optional", argument.optional}});
        for (const auto& module : session->modules())
            json["modules"].push_back({{"path", module.path},
                                       {"class", module.className},
                                       {"parameters", module.parameters},
                                       {"note", module.note}});
        json["layers"] = Json::array();
        for (const auto& layer : session->layers())
            json["layers"].push_back({{"path", layer.name}, {"type", layer.type}});
        json["tensors"] = Json::array();
        for (const auto& slot : session->slots())
            if (!slot.absent)
                json["tensors"].push_back({{"path", slot.path},
                                           {"layer_type", slot.layerType},
                                           {"parameter", slot.parameter},
                                           {"shape", slot.shape}});
        json["slots_unknown"] = why;
        std::cout << json.dump(2) << '\n';
        return;
    }
    std::int64_t parameters = 0;
    for (const auto& module : session->modules()) {
        parameters += module.parameters;
        std::cout << (module.path.empty() ? "(model)" : module.path) << "  " << module.className;
        if (module.parameters > 0)
            std::cout << "  " << module.parameters << " parameters";
        if (!module.note.empty())
            std::cout << "  [" << module.note << "]";
        std::cout << '\n';
        // A module's own slots, and those of layers nested in it that are no modules of the file.
        for (const auto& slot : session->slots()) {
            if (slot.layerPath == module.path && !slot.absent)
                std::cout << "    " << slot.path << "  " << slot.layerType << "  " << shapeText(slot.shape) << '\n';
        }
    }
    for (const auto& slot : session->slots()) {
        const bool shown =
            std::ranges::any_of(session->modules(), [&](const auto& module) { return module.path == slot.layerPath; });
        if (!shown && !slot.absent)
            std::cout << "    " << slot.path << "  " << slot.layerType << "  " << shapeText(slot.shape) << '\n';
    }
    std::cout << parameters << " parameters, " << session->slots().size() << " tensors\n";
    if (!why.empty())
        std::cout << "tensors are known once the model has run: " << why << '\n';
}

void Commands::calibrate() {
    auto session = open();
    session->setSamples(samples(*session));
    if (m_options.foldBatchNorms) {
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
    writeFile(m_options.output, write(identity(*session), session->layers(), session->slots(), *formats));
    if (m_options.json) {
        std::cout << Json{{"qconfig", m_options.output}, {"tensors", session->slots().size()}}.dump() << '\n';
        return;
    }
    for (std::size_t i = 0; i < formats->size(); ++i) {
        if (!session->slots()[i].absent && !((*formats)[i].isFloat() && session->slots()[i].optional))
            std::cout << session->slots()[i].path << "  "
                      << quant::write((*formats)[i], quant::Notation::SignIntegerFraction) << "  "
                      << (*formats)[i].totalBits.value_or(32) << " bits\n";
    }
}

quant::Formats Commands::formats(quant::Session& session) const {
    if (m_options.qconfig.empty())
        return session.floatFormats();
    try {
        const std::string text = readFile(m_options.qconfig);
        session.setFoldedBatchNorms(quant::foldedBatchNorms(text));
        const auto file = quant::readQConfig(text, session.layers(), session.slots());
        if (!file.isForeign && file.model.sha256 != identity(session).sha256) {
            if (!m_options.anyModel)
                throw Error("/model/sha256", "the formats were made for another model (" + file.model.name + ")",
                            "give --any-model to take them all the same");
            std::cerr << "fxp: warning: " << m_options.qconfig << " was made for another model\n";
        }
        return file.formats;
    } catch (const Error& error) {
        throw Error(m_options.qconfig + ": " + error.where, error.problem, error.hint);
    }
}

void Commands::finetune() {
    auto session = open();
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    Json epochs = Json::array();
    const auto report = [&](const quant::EpochReport& epoch) {
        epochs.push_back({{"epoch", epoch.epoch}, {"loss", epoch.loss}, {"accuracy", epoch.accuracy}});
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

void Commands::compareLog(const std::vector<quant::Session::LoggedTensor>& run) const {
    std::vector<quant::LogDifference> differences;
    try {
        differences = quant::compareLogs(quant::readActivationLog(readFile(m_options.compareLog)), run);
    } catch (const Error& error) {
        throw Error(m_options.compareLog + ": " + error.where, error.problem, error.hint);
    }
    using Kind = quant::LogDifference::Kind;
    Json json = Json::array();
    std::size_t equal = 0;
    const quant::LogDifference* first = nullptr;
    for (const auto& d : differences) {
        const bool same = d.kind == Kind::Equal || d.kind == Kind::NotStored;
        equal += same;
        first = first || same ? first : &d;
        json.push_back({{"key", d.key},
                        {"result", name(d.kind)},
                        {"count", d.count},
                        {"different", d.different},
                        {"largest", std::isfinite(d.largest) ? Json(d.largest) : Json("NaN")},
                        {"first_at", d.firstAt}});
        if (!same && !m_options.json)
            std::printf("%-12s %s  %lld of %lld differ, at most %.6g, first %s\n", std::string(name(d.kind)).c_str(),
                        d.key.c_str(), static_cast<long long>(d.different), static_cast<long long>(d.count), d.largest,
                        d.firstAt.c_str());
    }
    if (m_options.json)
        std::cout << json.dump(2) << '\n';
    else
        std::printf("%zu of %zu tensors equal\n", equal, differences.size());
    if (first)
        throw Error(first->key, "the run differs from the log here first", "see the list");
}

void Commands::runModel() {
    auto session = open();
    session->setSamples(samples(*session));
    const quant::Formats formats = this->formats(*session);
    const quant::ModelIdentity model = identity(*session);
    const auto result = session->run(formats);
    const Json report = quant::report(model, session->sampleCount(), session->slots(), formats, *result);
    if (!m_options.report.empty())
        writeFile(m_options.report, report.dump(1) + "\n");
    if (!m_options.log.empty())
        writeFile(m_options.log, quant::activationLog(session->log(), m_options.logValues).dump(1) + "\n");
    if (!m_options.outputs.empty())
        quant::writeNpz(m_options.outputs, session->outputs());
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
            std::printf("accumulator     %s: %d bits at worst, %d seen\n", session->slots()[i].path.c_str(),
                        use.worstBits, use.observedBits);
    }
    for (std::size_t i = 0; i < formats.size(); ++i) {
        const auto& slot = result->slots[i];
        if (slot && slot->figures.overflow() > 0)
            std::printf("overflow        %s: %lld of %lld\n", session->slots()[i].path.c_str(),
                        static_cast<long long>(slot->figures.overflow()), static_cast<long long>(slot->figures.count));
    }
}

} // namespace fxp::cli
