#include "app/cli/commands.h"

#include "app/cli/text.h"
#include "model/samples_loader.h"
#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/import/read_weights.h"

#include <CLI/CLI.hpp>

#include <QFileInfo>

#include <charconv>
#include <cmath>
#include <iostream>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>

namespace fxp::cli {

namespace {

std::pair<std::string, std::string> keyValue(const std::string& text, const std::string& option) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
        throw Error(option, "\"" + text + "\" has no =", "write NAME=VALUE");
    return {text.substr(0, equals), text.substr(equals + 1)};
}

void addTo(std::vector<NamedFile>& files, const std::string& option, const std::string& file) {
    if (!file.empty())
        files.emplace_back(option, file);
}

constexpr std::int64_t kMostElements = std::int64_t{1} << 32; // 16 GiB as float32: a slip of the keyboard

/// The number that the whole text is; absent where it is none, or out of range.
template <class T> std::optional<T> numberIn(const std::string& text) {
    T value{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::vector<std::int64_t> shapeOf(const std::string& text) {
    std::vector<std::int64_t> shape;
    std::istringstream stream(text);
    std::int64_t count = 1;
    for (std::string part; std::getline(stream, part, 'x');) {
        const auto size = numberIn<std::int64_t>(part);
        if (!size || *size <= 0)
            throw Error("--shape", "\"" + text + "\" is no shape", "write it as 16x1x28x28");
        if (*size > kMostElements / count)
            throw Error("--shape", "\"" + text + "\" has more values than fit the memory", "give a smaller shape");
        count *= *size;
        shape.push_back(*size);
    }
    return shape;
}

} // namespace

Commands::Commands(CLI::App& app) {
    declareInfo(app);
    declareCalibrate(app);
    declareRun(app);
    declareFinetune(app);
    declareExport(app);
}

void Commands::run() {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    quant::setThreadCount(m_options.threads > 0 ? m_options.threads : cores);
    std::vector<NamedFile> outputs;
    for (const auto& [option, file] : {NamedFile{"--output", m_options.output},
                                       {"--report", m_options.report},
                                       {"--html", m_options.html},
                                       {"--csv", m_options.csv},
                                       {"--log", m_options.log},
                                       {"--outputs", m_options.outputs}})
        addTo(outputs, option, file);
    refuseOwnInputs(inputFiles(), outputs);
    m_chosen();
}

std::vector<NamedFile> Commands::inputFiles() const {
    std::vector<NamedFile> inputs{{"the model", m_options.model}};
    for (const auto& [option, file] : {NamedFile{"--weights", m_options.weights},
                                       {"--labels", m_options.labels},
                                       {"--qconfig", m_options.qconfig},
                                       {"--compare-log", m_options.compareLog}})
        addTo(inputs, option, file);
    for (const std::string& file : m_options.inputs)
        addTo(inputs, "--inputs", file);
    return inputs;
}

void Commands::declareInputs(CLI::App& command, bool required) {
    command
        .add_option(
            "model", m_options.model,
            "model file (TorchScript .pt, torch.export .pt2, ONNX .onnx), or weights alone (.safetensors, state_dict)")
        ->required();
    command.add_option("--weights", m_options.weights,
                       ".safetensors or a state_dict (.pt, .pth) that replaces the model's parameters by name");
    auto* inputs =
        command.add_option("--inputs", m_options.inputs,
                           ".npy, .npz (arrays by the names of the model's inputs), images, a folder of images, "
                           "or random[:seed]");
    if (required)
        inputs->required();
    command.add_option("--set", m_options.settings, "NAME=VALUE: a number that the model takes beside its tensors");
    command.add_option("--shape", m_options.shapes,
                       "[NAME=]16x1x28x28: shape of a random input, samples first; needed for each, for "
                       "TorchScript files tell none");
    command.add_option("--model-method", m_options.modelMethod,
                       "method of a TorchScript file to run instead of forward");
    command.add_option("--threads", m_options.threads, "threads to compute with (default: the machine's cores)")
        ->check(CLI::Range(1, quant::mostThreads()));
    command
        .add_option(
            "--memory", m_options.memory,
            "GiB for the values of samples, those of the batch that runs and those kept between runs (default: 1)")
        ->check(CLI::PositiveNumber);
    command
        .add_option("--load-timeout", m_options.loadTimeout,
                    "seconds that the check of a TorchScript file may take (default: 300)")
        ->check(CLI::PositiveNumber);
    command.add_flag("--json", m_options.json, "print JSON");
}

std::unique_ptr<quant::Session> Commands::open() const {
    quant::SessionOptions options;
    options.memoryBytes = static_cast<std::int64_t>(m_options.memory * static_cast<double>(std::int64_t{1} << 30));
    auto session =
        quant::openModel(m_options.model, options, {},
                         quant::checkInChild({{"/proc/self/exe", quant::kFileCheckArgument}, m_options.loadTimeout}),
                         m_options.modelMethod);
    if (!m_options.weights.empty())
        session->setParameters(quant::readWeights(m_options.weights));
    return session;
}

quant::ModelIdentity Commands::identity(const quant::Session& session) const {
    return {QFileInfo(QString::fromStdString(m_options.model)).completeBaseName().toStdString(),
            quant::sha256OfFile(m_options.model), session.foldedBatchNorms()};
}

void Commands::requireInputs(const quant::Session& session) const {
    if (m_options.inputs.empty() && !session.isWeightsOnly())
        throw Error("--inputs", "is required", "give .npy, .npz, images, or random:7");
}

quant::Samples Commands::samples(quant::Session& session) const {
    quant::Samples samples;
    if (session.isWeightsOnly()) {
        if (!m_options.inputs.empty())
            throw Error(m_options.model, "holds weights and no program, and cannot be run",
                        "open the model, and give this file as --weights");
        return samples;
    }
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
            const auto number = numberIn<std::uint64_t>(first.substr(7));
            if (!number)
                throw Error("--inputs", "\"" + first + "\" has no number for its seed", "write random:7");
            seed = *number;
        }
        samples = session.randomSamples(seed, shapes);
    } else {
        QStringList files;
        for (const std::string& file : m_options.inputs)
            files << QString::fromStdString(file);
        samples.inputs = model::readSamples(files);
    }
    for (const std::string& text : m_options.settings) {
        const auto [name, value] = keyValue(text, "--set");
        if (const auto whole = numberIn<std::int64_t>(value)) {
            samples.inputs.items.emplace_back(name, quant::Array::ofIntegers({}, {*whole}));
            continue;
        }
        const auto number = numberIn<double>(value);
        if (!number || !std::isfinite(static_cast<float>(*number)))
            throw Error("--set", "\"" + value + "\" is no number that the model can take", "write NAME=VALUE");
        samples.inputs.items.emplace_back(name, quant::Array::ofFloats({}, {static_cast<float>(*number)}));
    }
    if (!m_options.labels.empty())
        samples.labels = model::readLabels(QString::fromStdString(m_options.labels));
    return samples;
}

quant::Formats Commands::formats(quant::Session& session) const {
    if (m_options.qconfig.empty())
        return session.fileFormats();
    try {
        const std::string text(quant::readFile(m_options.qconfig).text());
        session.setFoldedBatchNorms(quant::foldedBatchNorms(text));
        const auto file = quant::readQConfig(text, session.layers(), session.slots());
        if (file.isForOther(identity(session))) {
            if (!m_options.anyModel)
                throw Error("/model/sha256", "the formats were made for another model (" + file.model.name + ")",
                            "give --any-model to take them all the same");
            std::cerr << "fxp: warning: " << oneLine(m_options.qconfig) << " was made for another model\n";
        }
        if (!file.note.empty())
            std::cerr << "fxp: note: " << oneLine(m_options.qconfig + ": " + file.note) << '\n';
        return file.formats;
    } catch (const Error& error) {
        throw Error(m_options.qconfig + ": " + error.where, error.problem, error.hint);
    }
}

} // namespace fxp::cli
