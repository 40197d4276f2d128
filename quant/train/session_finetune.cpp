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

/// The module over the samples of these rows.
Score evaluate(QuantizedModule& module, const Tensors& inputs, const at::Tensor& labels, const at::Tensor& rows,
               std::int64_t batch) {
    const at::NoGradGuard noGrad;
    Score score{rows.size(0), 0, 0};
    for (std::int64_t begin = 0; begin < score.samples; begin += batch) {
        const at::Tensor some = rows.slice(0, begin, std::min(score.samples, begin + batch));
        const at::Tensor out = scores(module, rowsOf(inputs, some)), wanted = labels.index_select(0, some);
        score.loss += at::nll_loss(at::log_softmax(out, 1), wanted, {}, at::Reduction::Sum).item<double>();
        score.accuracy += out.argmax(1).eq(wanted).sum().item<double>();
    }
    if (score.samples > 0) {
        score.loss /= static_cast<double>(score.samples);
        score.accuracy /= static_cast<double>(score.samples);
    }
    return score;
}

/// Which samples train, and which only judge.
struct Split {
    at::Tensor training, heldOut; ///< row numbers, ascending
};

Split splitOf(std::int64_t count, std::int64_t chosenOn, int heldOutEvery) {
    const at::Tensor all = at::arange(count, at::kLong);
    if (chosenOn > 0 && chosenOn < count)
        return {all.slice(0, 0, chosenOn), all.slice(0, chosenOn, count)};
    if (heldOutEvery < 2 || count < heldOutEvery)
        return {all, all.slice(0, 0, 0)};
    const at::Tensor judges = all.remainder(heldOutEvery).eq(heldOutEvery - 1);
    return {all.masked_select(judges.logical_not()), all.masked_select(judges)};
}

/// The file's own values of the parameters that the module trains.
void setOriginal(const QuantizedModule& module, const NamedArrays& original) {
    const at::NoGradGuard noGrad;
    for (const auto& [path, source] : module.sources()) {
        const auto value = std::ranges::find(original.items, source.name, [](const auto& item) { return item.first; });
        if (value != original.items.end())
            module.parameterOf(path).copy_(
                toTensor(value->second).as_strided(source.sizes, source.strides, source.offset));
    }
}

Tensors copiesOf(const std::vector<at::Tensor>& parameters) {
    Tensors copies;
    for (const at::Tensor& parameter : parameters)
        copies.push_back(parameter.detach().clone());
    return copies;
}

void assign(const std::vector<at::Tensor>& parameters, const Tensors& values) {
    const at::NoGradGuard noGrad;
    for (std::size_t i = 0; i < parameters.size(); ++i)
        at::Tensor(parameters[i]).copy_(values[i]);
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

Finetuned Session::finetune(const Formats& formats, const FinetuneOptions& options,
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
    const Split split = splitOf(count, m_data->samples->chosenOn, options.heldOutEvery);
    const std::int64_t trained = split.training.size(0), size = std::min(options.batchSize, trained);

    const auto record = [this](const Tensors& tensors) { return recordTensors(tensors); };
    QuantizedModule module(record, rowsOf(inputs, split.training.slice(0, 0, size)));
    const at::Tensor first = scores(module, rowsOf(inputs, split.training.slice(0, 0, size)));
    const auto [least, greatest] = std::ranges::minmax(m_data->samples->labels);
    if (least < 0 || greatest >= first.size(1))
        throw Error("labels", "they are not all classes of the model", "give labels from 0 on");

    const auto evaluated = [&](int epoch) {
        return EpochReport{epoch, evaluate(module, inputs, labels, split.training, size),
                           evaluate(module, inputs, labels, split.heldOut, size)};
    };
    Finetuned result;
    Tensors bestParameters = copiesOf(module.parameters());
    if (options.original)
        setOriginal(module, *options.original);
    result.original = evaluated(0);
    assign(module.parameters(), bestParameters);
    module.setFormats(formats);
    result.before = result.best = evaluated(0);
    if (report)
        report(result.before);
    torch::optim::Adam optimizer(module.parameters(), torch::optim::AdamOptions(options.learningRate));
    auto generator = at::make_generator<at::CPUGeneratorImpl>(options.seed);
    for (int epoch = 1; epoch <= options.epochs; ++epoch) {
        const at::Tensor order =
            split.training.index_select(0, at::randperm(trained, generator, at::TensorOptions(at::kLong)));
        // All batches have one size, because another size would need a recording of its own.
        for (std::int64_t begin = 0; begin + size <= trained; begin += size) {
            if (control.stop && control.stop())
                return {};
            const at::Tensor rows = order.slice(0, begin, begin + size);
            optimizer.zero_grad();
            const at::Tensor loss =
                at::nll_loss(at::log_softmax(scores(module, rowsOf(inputs, rows)), 1), labels.index_select(0, rows));
            loss.backward();
            optimizer.step();
        }
        const EpochReport now = evaluated(epoch);
        if (report)
            report(now);
        const Score &score = now.judging(), &best = result.best.judging();
        if (score.accuracy > best.accuracy || (score.accuracy == best.accuracy && score.loss < best.loss)) {
            result.best = now;
            bestParameters = copiesOf(module.parameters());
        }
        if (control.progress)
            control.progress(static_cast<double>(epoch) / options.epochs);
    }
    assign(module.parameters(), bestParameters);
    if (options.quantizeParameters)
        module.quantizeWeightsBias();
    result.parameters = fileParameters(module, m_network->parameters());
    return result;
}

} // namespace fxp::quant
