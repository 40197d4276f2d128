#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/engine/model_arguments.h"
#include "quant/engine/sample_layout.h"
#include "quant/engine/session_data.h"
#include "quant/ops/agreement.h"
#include "quant/ops/sample_order.h"
#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

namespace fxp::quant {

namespace {

/// The program recorded for inputs of one shape, and the proofs of its layers.
struct Recorded {
    std::shared_ptr<const Program> program;
    std::shared_ptr<const ValueOrigins> origins;
    std::vector<LayerProof> proofs;
};

/// The path of the first layer that does not compute what its operators do on these float values; empty where there is
/// none.
std::string refutedLayer(const std::vector<LayerProof>& proofs, const Tensors& values) {
    const at::NoGradGuard noGrad;
    for (const LayerProof& proof : proofs) {
        Tensors all = values;
        all.resize(std::max(values.size(), static_cast<std::size_t>(proof.valueCount)));
        for (const auto& [id, tensor] : proof.constants)
            all[static_cast<std::size_t>(id)] = tensor;
        for (const Step& step : proof.operators) {
            const Tensors in = inputsOf(step, all);
            Tensors out = evaluate(step, in, nullptr);
            for (std::size_t i = 0; i < step.outputs.size(); ++i)
                all[static_cast<std::size_t>(step.outputs[i])] = std::move(out.at(i));
        }
        for (std::size_t i = 0; i < proof.expected.size(); ++i) {
            if (!agrees(all[static_cast<std::size_t>(proof.got[i])], all[static_cast<std::size_t>(proof.expected[i])]))
                return proof.path;
        }
    }
    return {};
}

/// Includes the float run's values that a step quantizes in the slots' ranges.
void includeRanges(const Batch& batch, std::size_t step, bool first, std::vector<char>& seen,
                   std::vector<ValueRange>& ranges) {
    const Program& program = batch.program();
    for (const Site& site : program.steps[step].sites) {
        const auto slot = static_cast<std::size_t>(site.slot);
        if (!first && sampleDimension(program, site.before) == -1)
            continue; // the same in every batch; the first one is enough
        const at::Tensor& value = batch.floatValues()[static_cast<std::size_t>(site.before)];
        if (value.scalar_type() != at::kFloat)
            continue; // refused by the run, with the tensor's path
        const ValueRange range = valueRange(value);
        if (seen[slot])
            ranges[slot].include(range);
        else
            ranges[slot] = range;
        seen[slot] = 1;
    }
}

/// The tensor without the rest of a memory that it is only a part of. Values of the float run are never written to.
at::Tensor alone(const at::Tensor& tensor) {
    return tensor.has_storage() && tensor.storage().nbytes() == tensor.nbytes() ? tensor : tensor.clone();
}

/// How the samples are cut into batches, and how much may be kept of them.
struct Cut {
    std::int64_t size = 0;      ///< samples per batch
    std::int64_t keepBytes = 0; ///< for the values of batches that are kept between runs
};

/// All samples in one batch that is kept, if that fits the memory. Else a batch that passes takes a quarter of it at
/// most, and not more than larger batches would gain from: fresh memory costs more time than a batch's fixed work.
Cut cutFor(const WorkingSet& sample, std::int64_t count, const SessionOptions& options) {
    constexpr std::int64_t kMostPassing = std::int64_t{64} << 20;
    const std::int64_t outputs = 2 * count * sample.outputs; // the float run's and the quantized, of all samples
    const std::int64_t memory = std::max(options.memoryBytes - outputs, options.memoryBytes / 4);
    if (options.batchSize > 0)
        return {std::min(count, options.batchSize), memory};
    if (count <= memory / (sample.kept + sample.temporary))
        return {count, memory};
    const std::int64_t size = std::clamp<std::int64_t>(std::min(memory / 4, kMostPassing) / sample.passing(), 1, count);
    return {size, memory - size * sample.passing()};
}

/// The program's slots, with shapes extended from one batch to all samples.
std::vector<SlotInfo> slotsOf(const Program& program, std::int64_t inBatch, std::int64_t all) {
    std::vector<SlotInfo> slots = program.slots;
    std::vector<char> seen(slots.size(), 0);
    for (const Step& step : program.steps) {
        for (const Site& site : step.sites) {
            const auto slot = static_cast<std::size_t>(site.slot);
            const int dimension = sampleDimension(program, site.before);
            auto& shape = slots[slot].shape;
            if (seen[slot] || dimension < 0 || static_cast<std::size_t>(dimension) >= shape.size())
                continue;
            auto& extent = shape[static_cast<std::size_t>(dimension)];
            extent = extent / inBatch * all;
            seen[slot] = 1;
        }
    }
    return slots;
}

} // namespace

bool Session::setSamples(Samples samples, const RunControl& control) {
    return setSamples(std::make_shared<const Samples>(std::move(samples)), control);
}

bool Session::setSamples(std::shared_ptr<const Samples> samples, const RunControl& control) {
    try {
        Attempt attempt;
        do {
            attempt.again = false;
            if (std::unique_ptr<Data> data = makeData(*samples, control, attempt)) {
                data->samples = std::move(samples);
                m_data = std::move(data);
                return true;
            }
        } while (attempt.again);
        return false;
    } catch (const Stopped&) {
        return false;
    }
}

/// The session's data for these samples; null when stopped, or where another attempt must follow.
std::unique_ptr<Session::Data> Session::makeData(const Samples& samples, const RunControl& control, Attempt& attempt) {
    if (m_network->isWeightsOnly() && !samples.inputs.items.empty())
        throw Error("inputs", "the file holds weights and no program, and cannot be run",
                    "open the model, and load these weights into it");
    const ModelArguments arguments = bindArguments(m_network->arguments(), samples.inputs);
    // One of several may be empty: a list of axes or sizes.
    const Tensors tensors = tensorsOf(arguments);
    if (!tensors.empty() && std::ranges::all_of(tensors, [](const at::Tensor& tensor) { return tensor.numel() == 0; }))
        throw Error("inputs", "there are no samples in them", "give at least one");
    // Layers are recognised by comparing results, which values that are not finite would prevent.
    const bool finite = allFinite(arguments);
    const ModelArguments recordable = finite ? arguments : finiteOnly(arguments);
    const std::int64_t dimension = sampleCountOf(arguments);
    const SampleLayout layout =
        attempt.whole ? SampleLayout{} : findSampleLayout(*m_network, recordable, dimension, control.stop);
    const auto stopped = [&control] { return control.stop && control.stop(); };
    if (stopped())
        return nullptr;

    auto data = std::make_unique<Data>();
    data->count = std::max<std::int64_t>(dimension, 1);
    if (!finite)
        data->notFinite = firstNotFinite(arguments, m_network->arguments());
    if (!samples.labels.empty() && static_cast<std::int64_t>(samples.labels.size()) != data->count)
        throw Error("labels",
                    "there are " + std::to_string(samples.labels.size()) + " for " + std::to_string(data->count) +
                        " samples",
                    "give one label for each sample");
    Cut cut{data->count, 0};
    if (layout.separable) {
        if (samples.chosenOn > 0 && samples.chosenOn < data->count)
            data->chosenOn = samples.chosenOn;
        cut = cutFor(layout.perSample, data->count, m_options);
        if ((cut.size < data->count || data->chosenOn > 0) &&
            !mayBeCut(*m_network, recordable, data->count, layout, m_options.memoryBytes / 4, control.stop)) {
            attempt.again = attempt.whole = true;
            return nullptr;
        }
    }

    std::map<std::vector<std::vector<std::int64_t>>, Recorded> known;
    std::vector<char> seen;
    std::int64_t keptBytes = 0;
    std::int64_t end = 0;
    for (std::int64_t begin = 0; begin < data->count; begin = end) {
        if (stopped())
            return nullptr;
        end = std::min(begin < data->chosenOn ? data->chosenOn : data->count, begin + cut.size);
        const auto partOf = [&](const ModelArguments& all) { return layout.separable ? slice(all, begin, end) : all; };
        const ModelArguments part = partOf(arguments);
        const Tensors inputs = tensorsOf(part);
        std::vector<std::vector<std::int64_t>> shapes;
        for (const at::Tensor& input : inputs)
            shapes.push_back(input.sizes().vec());
        Recorded& recorded = known[shapes];
        const bool isRecording = !recorded.program || recorded.program->dataDependent;
        Tensors values;
        if (isRecording) {
            Recording recording = m_network->record(partOf(recordable), control.stop);
            if (!finite && recording.program.dataDependent)
                recording = m_network->record(part, control.stop);
            if (layout.separable && !sameSteps(recording.program, *layout.program)) {
                // The model executes other steps for so many samples than for two.
                attempt.again = attempt.whole = true;
                return nullptr;
            }
            recording.program.sampleDimensions = layout.dimensions;
            recorded.proofs = std::move(recording.proofs);
            recorded.program = std::make_shared<const Program>(std::move(recording.program));
            recorded.origins = std::make_shared<const ValueOrigins>(*recorded.program);
            if (finite || recorded.program->dataDependent)
                values = std::move(recording.values);
        }
        const std::shared_ptr<const Program>& program = recorded.program;
        auto batch = std::make_unique<Batch>(program, inputs, SampleRange{begin, end - begin}, recorded.origins);
        const std::vector<char> needed = floatValuesNeeded(*program);
        std::vector<char> outputs(needed.size(), 0);
        for (const ValueId output : program->outputs)
            outputs[static_cast<std::size_t>(output)] = 1;
        const bool proving =
            !isRecording && !recorded.proofs.empty() && (data->batches.size() == 1 || end == data->count);
        keptBytes += (end - begin) * layout.perSample.kept;
        const bool keep = keptBytes <= cut.keepBytes || data->count <= cut.size;
        const bool first = data->batches.empty();
        if (first) {
            data->slots = slotsOf(*program, end - begin, data->count);
            data->layers = program->layers;
            data->floatOutputs.resize(program->outputs.size());
            data->floatRanges.resize(data->slots.size());
            seen.assign(data->slots.size(), 0);
        }
        if (!std::ranges::equal(program->slots, data->slots, {}, &SlotInfo::path, &SlotInfo::path))
            throw Error("",
                        "the model takes another path for samples " + std::to_string(begin) + " to " +
                            std::to_string(end - 1),
                        "give samples of one kind");
        if (begin == data->chosenOn && begin > 0)
            data->choosingRanges = data->floatRanges;
        const auto include = [&](std::size_t step) { includeRanges(*batch, step, first, seen, data->floatRanges); };
        if (!values.empty()) {
            batch->setFloatValues(std::move(values));
            for (std::size_t step = 0; step < program->steps.size(); ++step)
                include(step);
        } else {
            const std::vector<char>* kept = proving && finite ? nullptr : keep ? &needed : &outputs;
            if (!batch->runFloat(control.stop, kept, include))
                return nullptr;
        }
        if (proving) {
            Batch plain(program, tensorsOf(partOf(recordable)), batch->samples());
            if (!finite && !plain.runFloat(control.stop))
                return nullptr;
            const std::string refuted =
                refutedLayer(recorded.proofs, finite ? batch->floatValues() : plain.floatValues());
            if (!refuted.empty()) {
                m_network->refuseLayer(refuted);
                attempt.again = true;
                return nullptr;
            }
        }
        batch->keepFloat(needed);
        for (std::size_t i = 0; i < program->outputs.size(); ++i)
            data->floatOutputs[i].push_back(alone(batch->floatValues()[static_cast<std::size_t>(program->outputs[i])]));
        if (!keep)
            batch->release();
        data->cached.push_back(keep);
        data->batches.push_back(std::move(batch));
        if (control.progress)
            control.progress(static_cast<double>(end) / static_cast<double>(data->count));
    }
    if (data->chosenOn == 0)
        data->choosingRanges = data->floatRanges;
    for (const ValueRange& range : data->floatRanges)
        data->histogramRanges.push_back(LinearRange::around(range));
    return data;
}

Recording Session::recordTensors(const Tensors& tensors) {
    ModelArguments arguments = bindArguments(m_network->arguments(), m_data->samples->inputs);
    std::size_t next = 0;
    for (auto& argument : arguments) {
        if (argument && argument->isTensor())
            argument = tensors.at(next++);
    }
    return m_network->record(arguments);
}

} // namespace fxp::quant
