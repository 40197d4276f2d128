#include "quant/core/error.h"
#include "quant/engine/session_data.h"
#include "quant/train/finetune.h"
#include "quant/train/quantized_module.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/optim/adam.h>

#include <algorithm>

namespace fxp::quant {

namespace {

Tensors rowsOf(const Tensors& tensors, const at::Tensor& rows) {
    Tensors picked;
    for (const at::Tensor& tensor : tensors)
        picked.push_back(tensor.index_select(0, rows));
    return picked;
}

/// The classifier's scores [N, classes].
at::Tensor scores(QuantizedModule& module, const Tensors& inputs) {
    const Tensors outputs = module.forward(inputs);
    if (outputs.empty() || outputs[0].dim() != 2 || outputs[0].scalar_type() != at::kFloat)
        throw Error("output_0", "is not [samples, classes]", "fine-tuning is for classifiers");
    return outputs[0];
}

EpochReport evaluate(QuantizedModule& module, const Tensors& inputs, const at::Tensor& labels, std::int64_t batch,
                     int epoch) {
    const at::NoGradGuard noGrad;
    EpochReport report{epoch, 0, 0};
    const std::int64_t count = labels.size(0);
    for (std::int64_t begin = 0; begin < count; begin += batch) {
        const at::Tensor rows = at::arange(begin, std::min(count, begin + batch), at::kLong);
        const at::Tensor out = scores(module, rowsOf(inputs, rows)), wanted = labels.index_select(0, rows);
        report.loss += at::nll_loss(at::log_softmax(out, 1), wanted, {}, at::Reduction::Sum).item<double>();
        report.accuracy += out.argmax(1).eq(wanted).sum().item<double>();
    }
    report.loss /= static_cast<double>(count);
    report.accuracy /= static_cast<double>(count);
    return report;
}

/// The trained tensors as the file's own parameters; where one of these was split (attention's packed projections), its
/// parts are put together.
NamedArrays fileParameters(const QuantizedModule& module, const NamedTensors& original) {
    std::map<std::string, at::Tensor> changed;
    for (const auto& [path, source] : module.sources()) {
        const auto base = std::ranges::find(original, source.name, [](const auto& item) { return item.first; });
        if (base == original.end())
            continue;
        auto [place, fresh] = changed.try_emplace(source.name, at::Tensor());
        if (fresh)
            place->second = base->second.detach().clone(at::MemoryFormat::Contiguous);
        place->second.as_strided(source.sizes, source.strides, source.offset).copy_(module.parameterOf(path).detach());
    }
    NamedArrays result;
    for (const auto& [name, tensor] : changed)
        result.items.emplace_back(name, toArray(tensor));
    return result;
}

} // namespace

NamedArrays Session::finetune(const Formats& formats, const FinetuneOptions& options,
                              const std::function<void(const EpochReport&)>& report, const RunControl& control) {
    if (!m_data)
        throw Error("", "there are no samples to train on", "open some");
    if (m_data->samples->labels.empty())
        throw Error("labels", "there are none", "give one class per sample");
    if (!m_folded.empty())
        throw Error(*m_folded.begin(), "is folded, and the weights to train are those of the layer and the batch norm",
                    "unfold the batch norms first");
    if (options.epochs < 1 || options.batchSize < 1 || !(options.learningRate > 0))
        throw Error("", "epochs, batch size and learning rate must be positive", "give positive ones");
    const std::int64_t count = m_data->count;
    Tensors inputs;
    for (std::size_t i = 0; i < m_data->batches.front()->inputs().size(); ++i) {
        Tensors parts;
        for (const auto& batch : m_data->batches)
            parts.push_back(batch->inputs()[i]);
        inputs.push_back(at::cat(parts));
        if (inputs.back().size(0) != count)
            throw Error("inputs", "samples do not lie along the first dimension", "fine-tune with a batch of samples");
    }
    at::Tensor labels = at::empty({count}, at::kLong);
    std::copy(m_data->samples->labels.begin(), m_data->samples->labels.end(), labels.data_ptr<std::int64_t>());
    const std::int64_t size = std::min(options.batchSize, count);

    const auto record = [this](const Tensors& tensors) { return recordTensors(tensors); };
    QuantizedModule module(record, rowsOf(inputs, at::arange(size, at::kLong)));
    module.setFormats(formats);
    const at::Tensor first = scores(module, rowsOf(inputs, at::arange(size, at::kLong)));
    const auto [least, greatest] = std::ranges::minmax(m_data->samples->labels);
    if (least < 0 || greatest >= first.size(1))
        throw Error("labels", "they are not all classes of the model", "give labels from 0 on");

    const auto keep = [&module] {
        Tensors copies;
        for (const at::Tensor& parameter : module.parameters())
            copies.push_back(parameter.detach().clone());
        return copies;
    };
    EpochReport best = evaluate(module, inputs, labels, size, 0);
    if (report)
        report(best);
    Tensors bestParameters = keep();
    torch::optim::Adam optimizer(module.parameters(), torch::optim::AdamOptions(options.learningRate));
    auto generator = at::make_generator<at::CPUGeneratorImpl>(options.seed);
    for (int epoch = 1; epoch <= options.epochs; ++epoch) {
        const at::Tensor order = at::randperm(count, generator, at::TensorOptions(at::kLong));
        // All batches have one size, because another size would need a recording of its own.
        for (std::int64_t begin = 0; begin + size <= count; begin += size) {
            if (control.stop && control.stop())
                return {};
            const at::Tensor rows = order.slice(0, begin, begin + size);
            optimizer.zero_grad();
            const at::Tensor loss =
                at::nll_loss(at::log_softmax(scores(module, rowsOf(inputs, rows)), 1), labels.index_select(0, rows));
            loss.backward();
            optimizer.step();
        }
        const EpochReport now = evaluate(module, inputs, labels, size, epoch);
        if (report)
            report(now);
        if (now.accuracy > best.accuracy || (now.accuracy == best.accuracy && now.loss < best.loss)) {
            best = now;
            bestParameters = keep();
        }
        if (control.progress)
            control.progress(static_cast<double>(epoch) / options.epochs);
    }
    {
        const at::NoGradGuard noGrad;
        const auto parameters = module.parameters();
        for (std::size_t i = 0; i < parameters.size(); ++i)
            at::Tensor(parameters[i]).copy_(bestParameters[i]);
    }
    if (options.quantizeParameters)
        module.quantizeWeightsBias();
    return fileParameters(module, m_network->parameters());
}

} // namespace fxp::quant
