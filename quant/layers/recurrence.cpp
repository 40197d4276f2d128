#include "quant/layers/recurrence.h"

#include "quant/core/kernels/quantize_kernel.h"
#include "quant/core/quantize.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace fxp::quant {

StepValues::StepValues(std::span<const SlotFormat> formats, std::size_t slots, std::int64_t steps)
    : m_formats(formats.begin(), formats.end()), m_steps(steps), m_slots(slots),
      m_gradients(at::GradMode::is_enabled()) {}

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

at::Tensor StepValues::quantize(std::size_t slot, std::int64_t step, const at::Tensor& x) {
    const SlotFormat& format = m_formats[slot];
    const at::Tensor source = x.contiguous();
    Slot& kept = m_slots[slot];
    keep(kept.allBefore, kept.before, step, source);
    if (format.type.isFloat()) {
        if (m_gradients)
            keep(kept.allAfter, kept.after, step, source);
        return source;
    }
    if (m_gradients) {
        const at::Tensor y = quant::quantize(source, format.type, "", format.seed);
        keep(kept.allAfter, kept.after, step, y);
        return y;
    }
    if (!kept.allAfter.defined())
        kept.allAfter = at::empty(kept.allBefore.sizes(), at::kFloat);
    QuantizeJob job;
    job.x = source.data_ptr<float>();
    job.count = source.numel();
    job.y = kept.allAfter.data_ptr<float>() + step * job.count;
    job.firstIndex = step * job.count;
    job.type = format.type;
    job.seed = format.seed;
    job.setShape(kept.allBefore.sizes(), "");
    quantizeValues(job);
    return kept.allAfter.select(0, step);
}

void StepValues::take(std::size_t slot, std::int64_t step, const at::Tensor& before, const at::Tensor& after) {
    Slot& kept = m_slots[slot];
    keep(kept.allBefore, kept.before, step, before.contiguous());
    if (m_gradients || !before.is_same(after))
        keep(kept.allAfter, kept.after, step, after.contiguous());
}

Tensors StepValues::stacked() const {
    Tensors all;
    for (const Slot& slot : m_slots) {
        if (m_gradients) {
            all.push_back(at::stack(slot.before));
            all.push_back(at::stack(slot.after));
        } else {
            all.push_back(slot.allBefore);
            all.push_back(slot.allAfter.defined() ? slot.allAfter : slot.allBefore);
        }
    }
    return all;
}

HiddenProduct::HiddenProduct(std::size_t first, std::size_t parameters, const at::Tensor& weight,
                             const at::Tensor& bias, const StepValues& values)
    : m_first(first), m_weight(weight), m_bias(bias), m_product(linearProduct(weight)) {
    m_formats = {values.format(first).type, values.format(parameters).type, values.format(parameters + 1).type};
    m_product.weightRowSum = weight.detach().abs().sum(1, false, at::kDouble).max().item<double>();
}

at::Tensor HiddenProduct::operator()(const at::Tensor& h, std::int64_t step, StepValues& values,
                                     AccumulatorUse* use) const {
    const at::Tensor hq = values.quantize(m_first, step, h);
    AccumulatorUse own;
    // Another draw for each step.
    const std::uint64_t seed = values.format(m_first + 1).seed + static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15u;
    const at::Tensor exact = exactSum(m_product, hq, m_weight, m_bias, m_formats, use ? &own : nullptr);
    const QuantizedSum sum =
        quantizeSum(exact, m_formats, m_bias.defined(), {values.format(m_first + 1).type, {}, seed});
    if (use) {
        own.overflowLow = sum.accumulatorOverflow.low;
        own.overflowHigh = sum.accumulatorOverflow.high;
        use->add(own);
    }
    const at::Tensor next = forNextFormat(exact, sum, values.format(m_first + 2).type);
    values.take(m_first + 1, step, sum.sum, sum.accumulated);
    return values.quantize(m_first + 2, step, next);
}

LogView stepView(std::int64_t step, int dimension) {
    return [step, dimension](const at::Tensor& all) { return all.select(dimension, step); };
}

Value zeroState(Builder& run, Value x, std::int64_t size) {
    return run.apply("zeros", {x}, [size](std::span<const at::Tensor> in) {
        return at::zeros({in[0].size(0), size}, at::kFloat);
    });
}

std::vector<std::int64_t> stepOrder(std::int64_t steps, bool reverse) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(steps));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    if (reverse)
        std::ranges::reverse(order);
    return order;
}

} // namespace fxp::quant
