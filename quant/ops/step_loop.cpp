#include "quant/ops/step_loop.h"

#include "quant/core/error.h"
#include "quant/ops/sample_order.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

namespace fxp::quant {

namespace {

/// Whether the step treats each element of its one input alike.
bool isElementwise(const Step& step) {
    return step.op == "quantize" || step.op == "quantize_sum";
}

bool drawsAtRandom(const Step& step, const Formats& formats) {
    return std::ranges::any_of(step.sites, [&](const Site& site) {
        const QType& type = formats[static_cast<std::size_t>(site.slot)];
        return type.isComplete() && type.rounding == Rounding::Stochastic;
    });
}

void freeUnread(const Step& step, std::size_t index, const std::vector<std::size_t>& last,
                const std::vector<char>& keep, Tensors& values) {
    const auto visit = [&](ValueId id) {
        const auto i = static_cast<std::size_t>(id);
        if (id != kAbsent && last[i] == index && !keep[i])
            values[i] = at::Tensor();
    };
    std::ranges::for_each(step.inputs, visit);
    std::ranges::for_each(step.outputs, visit);
    for (const Site& site : step.sites) {
        visit(site.before);
        visit(site.after);
    }
}

} // namespace

std::vector<std::size_t> lastReaders(const Program& program) {
    std::vector<std::size_t> last(static_cast<std::size_t>(program.valueCount), StepLoop::kAll);
    for (std::size_t index = 0; index < program.steps.size(); ++index) {
        const Step& step = program.steps[index];
        for (const ValueId output : step.outputs)
            last[static_cast<std::size_t>(output)] = index; // until a later step reads it
        const auto read = [&](ValueId id) {
            if (id != kAbsent && last[static_cast<std::size_t>(id)] != StepLoop::kAll)
                last[static_cast<std::size_t>(id)] = index;
        };
        std::ranges::for_each(step.inputs, read);
        for (const Site& site : step.sites) {
            read(site.before);
            read(site.after);
        }
    }
    return last;
}

Tensors startingValues(const Program& program, std::span<const at::Tensor> inputs) {
    Tensors values(static_cast<std::size_t>(program.valueCount));
    for (std::size_t i = 0; i < program.inputs.size(); ++i)
        values[static_cast<std::size_t>(program.inputs[i])] = inputs[i];
    for (const auto& [id, tensor] : program.constants)
        values[static_cast<std::size_t>(id)] = tensor;
    return values;
}

Tensors inputsOf(const Step& step, const Tensors& values) {
    Tensors in;
    in.reserve(step.inputs.size());
    for (const ValueId input : step.inputs)
        in.push_back(input == kAbsent ? at::Tensor() : values[static_cast<std::size_t>(input)]);
    return in;
}

Tensors evaluateStep(const Lane& lane, const Step& step, std::span<const at::Tensor> inputs, const Formats* formats,
                     StepFindings* findings) {
    int dimension = kUnknownDimension;
    for (const ValueId output : step.outputs) {
        if (output < lane.program->valueCount)
            dimension = std::max(dimension, sampleDimension(*lane.program, output));
    }
    const SampleRange samples = dimension < 0 ? SampleRange{} : lane.samples;
    if (dimension <= 0 || !formats || !isElementwise(step) || !drawsAtRandom(step, *formats))
        return evaluate(step, inputs, formats, samples, findings);
    Formats moved;
    for (const Site& site : step.sites) {
        const auto slot = static_cast<std::size_t>(site.slot);
        const Affine* affine = (*formats)[slot].affine ? &*(*formats)[slot].affine : nullptr;
        if (affine && affine->perChannel()) {
            if (moved.empty())
                moved = *formats;
            moved[slot] = sampleMajor((*formats)[slot], dimension);
        }
    }
    const std::array<at::Tensor, 1> in{sampleMajor(inputs[0], dimension)};
    Tensors out = evaluate(step, in, moved.empty() ? formats : &moved, samples, findings);
    for (at::Tensor& result : out)
        result = fromSampleMajor(result, dimension);
    return out;
}

bool runSteps(const StepLoop& loop, std::span<const Lane> lanes) {
    if (lanes.empty())
        return true;
    std::vector<std::vector<std::size_t>> last;
    for (std::size_t lane = 0; loop.keep && lane < lanes.size(); ++lane) {
        const bool same = lane > 0 && lanes[lane].program == lanes[lane - 1].program;
        last.push_back(same ? last.back() : lastReaders(*lanes[lane].program));
    }
    const std::size_t end = std::min(loop.end, lanes[0].program->steps.size());
    for (std::size_t index = 0; index < end; ++index) {
        if (loop.begin && !loop.begin(index))
            return false;
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            const Lane& lane = lanes[i];
            const Step& step = lane.program->steps[index];
            if (!loop.skip || !loop.skip(i, index)) {
                if (loop.stop && loop.stop())
                    return false;
                const Tensors in = inputsOf(step, *lane.values);
                Tensors out = loop.run ? loop.run(i, index, in) : evaluateStep(lane, step, in, loop.formats);
                if (out.size() != step.outputs.size())
                    throw Error(step.layer, step.op + " gave another number of results than it was recorded with",
                                "give samples of one kind");
                for (std::size_t k = 0; k < out.size(); ++k)
                    (*lane.values)[static_cast<std::size_t>(step.outputs[k])] = std::move(out[k]);
            }
            if (loop.done)
                loop.done(i, index);
        }
        for (std::size_t i = 0; loop.keep && i < lanes.size(); ++i)
            freeUnread(lanes[i].program->steps[index], index, last[i], *loop.keep, *lanes[i].values);
    }
    return true;
}

bool sameSteps(const Program& a, const Program& b) {
    const auto same = [](const Step& x, const Step& y) {
        return x.op == y.op && x.inputs == y.inputs && x.outputs == y.outputs && x.formats == y.formats &&
               x.sites == y.sites && x.layer == y.layer;
    };
    return a.valueCount == b.valueCount && a.inputs == b.inputs && a.outputs == b.outputs &&
           std::ranges::equal(a.steps, b.steps, same) &&
           std::ranges::equal(a.slots, b.slots, {}, &SlotInfo::path, &SlotInfo::path);
}

} // namespace fxp::quant
