#include "quant/ops/recurrence.h"

#include "quant/core/error.h"
#include "quant/core/kernels/quantize_kernel.h"
#include "quant/core/quantize.h"
#include "quant/core/straight_through.h"
#include "quant/ops/products.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace fxp::quant {

namespace {

bool isStochastic(const QType& type) {
    return type.isComplete() && type.rounding == Rounding::Stochastic;
}

/// The format of channel `index` where the format's channels lie along `axis`; any other format unchanged.
QType channel(QType type, int axis, std::int64_t index, std::int64_t count) {
    if (!type.affine || type.affine->axis != axis)
        return type;
    Affine& affine = *type.affine;
    if (std::ssize(affine.scale) != count)
        throw Error("", "the format has another number of channels than the tensor", "choose one for the tensor");
    affine.scale = {affine.scale[static_cast<std::size_t>(index)]};
    affine.zeroPoint = {affine.zeroPoint[static_cast<std::size_t>(index)]};
    affine.axis = -1;
    return type;
}

} // namespace

StepValues::StepValues(const StepContext& context, std::size_t sites, std::int64_t steps)
    : m_formats(context.formats), m_findings(context.findings), m_samples(context.samples), m_steps(steps),
      m_sites(sites), m_gradients(at::GradMode::is_enabled()) {
    if (m_findings)
        m_findings->assign(m_sites.size(), {});
}

AccumulatorUse* StepValues::findings(std::size_t site) {
    return m_findings ? &(*m_findings)[site] : nullptr;
}

std::int64_t StepValues::firstIndex(std::int64_t row, std::int64_t rows, std::int64_t step,
                                    std::int64_t elements) const {
    const std::int64_t before = m_samples.count > 0 ? m_samples.first * (rows / m_samples.count) : 0;
    return ((before + row) * m_steps + step) * elements;
}

void StepValues::keep(at::Tensor& all, Tensors& steps, std::int64_t step, const at::Tensor& value) const {
    if (m_gradients) {
        steps.resize(static_cast<std::size_t>(m_steps));
        steps[static_cast<std::size_t>(step)] = value;
        return;
    }
    if (!all.defined()) {
        auto shape = value.sizes().vec();
        shape.insert(shape.begin(), m_steps);
        all = at::empty(shape, at::kFloat);
    }
    std::memcpy(all.data_ptr<float>() + step * value.numel(), value.data_ptr<float>(),
                static_cast<std::size_t>(value.numel()) * sizeof(float));
}

void StepValues::keep(std::size_t site, std::int64_t step, const at::Tensor& before, const at::Tensor& after) {
    Site& kept = m_sites[site];
    keep(kept.allBefore, kept.before, step, before.contiguous());
    if (m_gradients || !before.is_same(after))
        keep(kept.allAfter, kept.after, step, after.contiguous());
}

at::Tensor StepValues::quantizeRows(const SlotFormat& format, std::int64_t step, const at::Tensor& x) const {
    const std::int64_t rows = x.size(0), elements = rows == 0 ? 0 : x.numel() / rows;
    const at::Tensor y = at::empty(x.sizes(), at::kFloat);
    // Draws are indexed as in [B, T, …], but the format's channels as in the site's own [T, B, …].
    auto shape = x.sizes().vec();
    shape.insert(shape.begin() + 1, m_steps);
    for (std::int64_t row = 0; row < rows; ++row) {
        QuantizeJob job;
        job.x = x.data_ptr<float>() + row * elements;
        job.y = y.data_ptr<float>() + row * elements;
        job.count = elements;
        job.firstIndex = firstIndex(row, rows, step, elements);
        job.type = channel(channel(format.type, 0, step, m_steps), 1, row, rows);
        job.seed = format.seed;
        job.setShape(shape, "");
        quantizeValues(job);
    }
    return y;
}

at::Tensor StepValues::quantize(std::size_t site, std::int64_t step, const at::Tensor& x) {
    const SlotFormat& format = m_formats[site];
    const at::Tensor source = x.contiguous();
    if (format.type.isFloat()) {
        keep(site, step, source, source);
        return source;
    }
    if (isStochastic(format.type)) {
        at::Tensor y = quantizeRows(format, step, source.detach());
        if (m_gradients)
            y = straightThrough(source, y);
        keep(site, step, source, y);
        return y;
    }
    if (m_gradients) {
        const QType type = channel(format.type, 0, step, m_steps);
        const at::Tensor y = quant::quantize(source.unsqueeze(0), type, "", format.seed).squeeze(0);
        keep(site, step, source, y);
        return y;
    }
    Site& kept = m_sites[site];
    keep(kept.allBefore, kept.before, step, source);
    if (!kept.allAfter.defined())
        kept.allAfter = at::empty(kept.allBefore.sizes(), at::kFloat);
    QuantizeJob job;
    job.x = source.data_ptr<float>();
    job.count = source.numel();
    job.y = kept.allAfter.data_ptr<float>() + step * job.count;
    job.firstIndex = step * job.count; // the kernel finds the channel by this index
    job.type = format.type;
    job.setShape(kept.allBefore.sizes(), "");
    quantizeValues(job);
    return kept.allAfter.select(0, step);
}

at::Tensor StepValues::quantizeSum(std::size_t accumulator, std::int64_t step, const at::Tensor& sum,
                                   const ProductFormats& formats, bool hasBias) {
    const SlotFormat &first = m_formats[accumulator], &second = m_formats[accumulator + 1];
    const std::int64_t rows = sum.size(0), elements = sum.size(1);
    QuantizedSum result;
    const auto run = [&](const at::Tensor& part, SumFormats next) {
        // In the shape of the site's values, with one time step: [1, B, E].
        next.accumulator = channel(std::move(next.accumulator), 0, step, m_steps);
        next.activation = channel(std::move(next.activation), 0, step, m_steps);
        QuantizedSum quantized = quant::quantizeSum(part.unsqueeze(0), formats, hasBias, next);
        // Where a format is float, before and after are the same tensor; keep() sees that by comparing their identity.
        const bool accumulates = !quantized.accumulated.is_same(quantized.sum),
                   activates = !quantized.activation.is_same(quantized.accumulated);
        quantized.sum = quantized.sum.squeeze(0);
        quantized.accumulated = accumulates ? quantized.accumulated.squeeze(0) : quantized.sum;
        quantized.activation = activates ? quantized.activation.squeeze(0) : quantized.accumulated;
        return quantized;
    };
    SumFormats next{first.type, second.type, first.seed, second.seed, 0};
    if (!isStochastic(first.type) && !isStochastic(second.type)) {
        result = run(sum, next);
    } else {
        Tensors sums, accumulated, activated;
        for (std::int64_t row = 0; row < rows; ++row) {
            next.accumulator = channel(first.type, 1, row, rows);
            next.activation = channel(second.type, 1, row, rows);
            next.firstIndex = firstIndex(row, rows, step, elements);
            const QuantizedSum one = run(sum.slice(0, row, row + 1), next);
            sums.push_back(one.sum);
            accumulated.push_back(one.accumulated);
            activated.push_back(one.activation);
            result.accumulatorOverflow.low += one.accumulatorOverflow.low;
            result.accumulatorOverflow.high += one.accumulatorOverflow.high;
            result.activationOverflow.low += one.activationOverflow.low;
            result.activationOverflow.high += one.activationOverflow.high;
        }
        if (rows == 0)
            sums = accumulated = activated = {at::empty({0, elements}, at::kFloat)};
        result.sum = at::cat(sums);
        result.accumulated = first.type.isFloat() ? result.sum : at::cat(accumulated);
        result.activation = second.type.isFloat() ? result.accumulated : at::cat(activated);
    }
    keep(accumulator, step, result.sum, result.accumulated);
    keep(accumulator + 1, step, result.accumulated, result.activation);
    if (m_findings) {
        findings(accumulator)->overflowLow += result.accumulatorOverflow.low;
        findings(accumulator)->overflowHigh += result.accumulatorOverflow.high;
        findings(accumulator + 1)->overflowLow += result.activationOverflow.low;
        findings(accumulator + 1)->overflowHigh += result.activationOverflow.high;
    }
    return result.activation;
}

Tensors StepValues::stacked() const {
    Tensors all;
    for (const Site& site : m_sites) {
        if (m_gradients) {
            all.push_back(at::stack(site.before));
            all.push_back(at::stack(site.after));
        } else {
            all.push_back(site.allBefore);
            all.push_back(site.allAfter.defined() ? site.allAfter : site.allBefore);
        }
    }
    return all;
}

HiddenProduct::HiddenProduct(std::size_t first, std::size_t parameters, const at::Tensor& weight,
                             const at::Tensor& bias, const StepValues& values)
    : m_first(first), m_weight(weight), m_bias(bias),
      m_product(linearProduct(weight)), m_formats{values.format(first).type, values.format(parameters).type,
                                                  values.format(parameters + 1).type} {
    const at::Tensor rowSums = weight.detach().abs().sum(1, false, at::kDouble);
    m_product.weightRowSum = rowSums.numel() == 0 ? 0 : rowSums.max().item<double>();
}

at::Tensor HiddenProduct::operator()(const at::Tensor& h, std::int64_t step, StepValues& values) const {
    const at::Tensor hq = values.quantize(m_first + kHiddenInput, step, h);
    AccumulatorUse own;
    AccumulatorUse* use = values.findings(m_first + kHiddenAccumulator);
    const at::Tensor sum = exactSum(m_product, hq, m_weight, m_bias, m_formats, use ? &own : nullptr);
    if (use)
        use->add(own);
    return values.quantizeSum(m_first + kHiddenAccumulator, step, sum, m_formats, m_bias.defined());
}

std::vector<std::int64_t> stepOrder(std::int64_t steps, bool reverse) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(steps));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    if (reverse)
        std::ranges::reverse(order);
    return order;
}

Operator recurrentOperator(std::function<Tensors(const StepContext&)> evaluate) {
    return {std::move(evaluate), [](const Step& step) {
                std::vector<FormatRead> reads(step.formats.size(), FormatRead{Reads::Grid, 0});
                std::fill_n(reads.begin(), std::min(step.sites.size(), reads.size()), FormatRead{Reads::All, 0});
                return reads;
            }};
}

void addRecurrentOperators(OperatorTable& operators) {
    addLstm(operators);
    addGru(operators);
}

} // namespace fxp::quant
