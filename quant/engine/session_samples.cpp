#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/engine/session_data.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <map>

namespace fxp::quant {

namespace {

using Arguments = std::vector<std::optional<at::IValue>>;

/// The samples as the model's arguments, by name; a single unnamed array goes to a single input.
Arguments bindArguments(const std::vector<ArgumentInfo>& wanted, const NamedArrays& given) {
    Arguments result(wanted.size());
    std::vector<char> used(given.items.size(), 0);
    const auto place = [&](std::size_t argument, std::size_t item) {
        const Array& array = given.items[item].second;
        used[item] = 1;
        const auto& info = wanted[argument];
        if (info.kind == ArgumentInfo::Kind::Tensor) {
            result[argument] = toTensor(array);
            return;
        }
        if (array.count() != 1)
            throw Error(info.name, "the model takes one number here, and the inputs hold an array", "give a scalar");
        const at::Tensor scalar = toTensor(array).reshape({});
        if (info.kind == ArgumentInfo::Kind::Integer)
            result[argument] = scalar.item<std::int64_t>();
        else if (info.kind == ArgumentInfo::Kind::Real)
            result[argument] = scalar.item<double>();
        else
            result[argument] = scalar.item<bool>();
    };
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        for (std::size_t item = 0; item < given.items.size(); ++item) {
            if (given.items[item].first == wanted[i].name)
                place(i, item);
        }
    }
    std::string names;
    for (const ArgumentInfo& info : wanted)
        names += (names.empty() ? "" : ", ") + info.name;
    for (std::size_t item = 0; item < given.items.size(); ++item) {
        if (used[item])
            continue;
        const auto open = std::ranges::find_if(wanted, [&](const ArgumentInfo& info) {
            return info.kind == ArgumentInfo::Kind::Tensor && !result[static_cast<std::size_t>(&info - wanted.data())];
        });
        if (open == wanted.end() || given.items.size() > 1)
            throw Error(given.items[item].first, "the model has no input of that name", "its inputs are " + names);
        place(static_cast<std::size_t>(open - wanted.begin()), item);
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!result[i] && !wanted[i].optional)
            throw Error(wanted[i].name, "the model's input is missing",
                        "give it by that name; its inputs are " + names);
    }
    return result;
}

/// Samples stand along dimension 0 of every tensor; 0 when the tensors do not agree on how many there are.
std::int64_t sampleDimension(const Arguments& arguments) {
    std::int64_t count = 0;
    for (const auto& argument : arguments) {
        if (!argument || !argument->isTensor())
            continue;
        const at::Tensor& tensor = argument->toTensor();
        if (tensor.dim() == 0 || (count != 0 && tensor.size(0) != count))
            return 0;
        count = tensor.size(0);
    }
    return count;
}

Arguments slice(const Arguments& arguments, std::int64_t begin, std::int64_t end) {
    Arguments part = arguments;
    for (auto& argument : part) {
        if (argument && argument->isTensor())
            argument = argument->toTensor().slice(0, begin, end).contiguous();
    }
    return part;
}

Tensors tensorsOf(const Arguments& arguments) {
    Tensors tensors;
    for (const auto& argument : arguments) {
        if (argument && argument->isTensor())
            tensors.push_back(argument->toTensor());
    }
    return tensors;
}

at::Tensor outputOf(const Recording& recording, std::size_t index) {
    return recording.values[static_cast<std::size_t>(recording.program.outputs[index])];
}

/// Whether the samples of a batch leave each other alone: the first sample's outputs are the same in a batch of one and
/// of two. If not, dimension 0 is none of samples, and the inputs must be run whole.
struct Probe {
    bool separable = false;
    std::int64_t bytesPerSample = 0;
};

Probe probe(Network& network, const Arguments& arguments, std::int64_t count) {
    Probe result;
    if (count < 2)
        return result;
    try {
        const Recording two = network.record(slice(arguments, 0, 2));
        const Recording one = network.record(slice(arguments, 0, 1));
        result.separable = true;
        for (std::size_t i = 0; i < two.program.outputs.size(); ++i) {
            const at::Tensor a = outputOf(one, i), b = outputOf(two, i);
            result.separable = result.separable && a.dim() > 0 && b.dim() > 0 && a.size(0) == 1 && b.size(0) == 2 &&
                               at::allclose(a.to(at::kFloat), b.slice(0, 0, 1).to(at::kFloat), 1e-3, 1e-4, true);
        }
        std::int64_t bytes = 0;
        for (const at::Tensor& value : two.values)
            bytes += value.defined() ? static_cast<std::int64_t>(value.nbytes()) : 0;
        result.bytesPerSample = bytes / 2 + 1;
    } catch (const std::exception&) {
        result.separable = false; // a file traced with a fixed batch size
    }
    return result;
}

} // namespace

bool Session::setSamples(std::shared_ptr<const Samples> samples, const RunControl& control) {
    const auto stopped = [&control] { return control.stop && control.stop(); };
    const Arguments arguments = bindArguments(m_network->arguments(), samples->inputs);
    const std::int64_t dimension = sampleDimension(arguments);
    for (const Tensors tensors = tensorsOf(arguments); const at::Tensor& tensor : tensors) {
        if (tensor.numel() == 0)
            throw Error("inputs", "there are no samples in them", "give at least one");
    }
    const Probe probed = probe(*m_network, arguments, dimension);
    if (stopped())
        return false;

    auto data = std::make_unique<Data>();
    data->count = probed.separable ? dimension : std::max<std::int64_t>(dimension, 1);
    std::int64_t size = data->count;
    if (probed.separable) {
        // Float and quantized values are kept for every sample where they fit; else batches of a quarter of the memory.
        const std::int64_t perSample = 3 * probed.bytesPerSample;
        if (m_options.batchSize > 0)
            size = std::min(size, m_options.batchSize);
        else if (perSample * size > m_options.memoryBytes)
            size = std::clamp<std::int64_t>(m_options.memoryBytes / (4 * perSample), 1, size);
    }
    if (!samples->labels.empty() && static_cast<std::int64_t>(samples->labels.size()) != data->count)
        throw Error("labels",
                    "there are " + std::to_string(samples->labels.size()) + " for " + std::to_string(data->count) +
                        " samples",
                    "give one label for each sample");

    std::map<std::vector<std::vector<std::int64_t>>, std::shared_ptr<const Program>> known;
    std::int64_t keptBytes = 0;
    for (std::int64_t begin = 0; begin < data->count; begin += size) {
        if (stopped())
            return false;
        const std::int64_t end = std::min(data->count, begin + size);
        const Arguments part = probed.separable ? slice(arguments, begin, end) : arguments;
        const Tensors inputs = tensorsOf(part);
        std::vector<std::vector<std::int64_t>> shapes;
        for (const at::Tensor& input : inputs)
            shapes.push_back(input.sizes().vec());
        auto& program = known[shapes];
        std::unique_ptr<Batch> batch;
        if (!program || program->dataDependent) {
            Recording recording = m_network->record(part);
            program = std::make_shared<const Program>(std::move(recording.program));
            batch = std::make_unique<Batch>(program, inputs, end - begin);
            batch->setFloatValues(std::move(recording.values));
        } else {
            batch = std::make_unique<Batch>(program, inputs, end - begin);
            if (!batch->runFloat(control.stop))
                return false;
        }
        if (data->batches.empty()) {
            data->slots = program->slots;
            data->layers = program->layers;
            data->floatOutputs.resize(program->outputs.size());
            data->floatRanges.resize(data->slots.size());
        }
        const auto samePaths = [](const SlotInfo& a, const SlotInfo& b) { return a.path == b.path; };
        if (!std::ranges::equal(program->slots, data->slots, samePaths))
            throw Error("",
                        "the model takes another path for samples " + std::to_string(begin) + " to " +
                            std::to_string(end - 1),
                        "give samples of one kind");
        std::vector<char> seen(data->slots.size(), data->batches.empty() ? 0 : 1);
        for (const Node& node : program->nodes) {
            for (const Site& site : node.sites) {
                const auto slot = static_cast<std::size_t>(site.slot);
                const ValueRange range = valueRange(batch->floatValues()[static_cast<std::size_t>(site.before)]);
                if (seen[slot])
                    data->floatRanges[slot].include(range);
                else
                    data->floatRanges[slot] = range;
                seen[slot] = 1;
            }
        }
        for (std::size_t i = 0; i < program->outputs.size(); ++i)
            data->floatOutputs[i].push_back(
                batch->floatValues()[static_cast<std::size_t>(program->outputs[i])].clone());
        keptBytes += 3 * batch->floatBytes();
        const bool keep = keptBytes <= m_options.memoryBytes || data->count <= size;
        if (!keep)
            batch->release();
        data->cached.push_back(keep);
        data->programs.push_back(program);
        data->batchInputs.push_back(inputs);
        data->batches.push_back(std::move(batch));
        if (control.progress)
            control.progress(static_cast<double>(end) / static_cast<double>(data->count));
    }
    for (const ValueRange& range : data->floatRanges)
        data->histogramRanges.push_back(LinearRange::around(range));
    data->resultStates.assign(data->slots.size(), 0);
    data->samples = std::move(samples);
    m_data = std::move(data);
    return true;
}

Recording Session::recordTensors(const Tensors& tensors) {
    Arguments arguments = bindArguments(m_network->arguments(), m_data->samples->inputs);
    std::size_t next = 0;
    for (auto& argument : arguments) {
        if (argument && argument->isTensor())
            argument = tensors.at(next++);
    }
    return m_network->record(arguments);
}

Samples Session::randomSamples(std::uint64_t seed, std::int64_t count,
                               const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    const auto make = [&](const std::vector<std::int64_t>& tail) {
        Samples samples;
        generator.set_current_seed(seed);
        for (const ArgumentInfo& argument : m_network->arguments()) {
            if (argument.optional)
                continue;
            auto shape = tail;
            shape.insert(shape.begin(), count);
            for (const auto& [name, given] : shapes) {
                if (name == argument.name || name.empty())
                    shape = given;
            }
            if (argument.kind == ArgumentInfo::Kind::Tensor)
                samples.inputs.items.emplace_back(argument.name, toArray(at::randn(shape, generator)));
            else
                throw Error(argument.name, "random inputs are tensors, and the model takes a number here",
                            "give it with the inputs");
        }
        return samples;
    };
    if (!shapes.empty())
        return make({});

    // TorchScript keeps no shapes: the usual ones are tried, with the channels and features that the parameters name.
    std::vector<std::vector<std::int64_t>> tails;
    for (const std::int64_t channels : {1, 3, 4, 2})
        for (const std::int64_t side : {8, 16, 24, 28, 32, 48, 64, 96, 128, 160, 224})
            tails.push_back({channels, side, side});
    for (std::int64_t features = 1; features <= 4096; features = features < 128 ? features + 1 : features * 2)
        tails.push_back({features});
    for (const std::int64_t features : {8, 16, 32, 64, 80, 128, 256, 512, 768})
        tails.push_back({16, features});
    for (const auto& tail : tails) {
        try {
            Samples samples = make(tail);
            m_network->record(bindArguments(m_network->arguments(), samples.inputs));
            return samples;
        } catch (const Error& error) {
            if (error.problem.find("random inputs are tensors") != std::string::npos)
                throw;
        } catch (const std::exception&) {
            // The model does not take this shape: the next may fit.
        }
    }
    throw Error("random", "no usual input shape fits the model", "give --shape, or real inputs");
}

} // namespace fxp::quant
