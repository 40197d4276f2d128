#include "quant/calibrate/calibrate.h"

#include "quant/calibrate/groups.h"
#include "quant/core/error.h"
#include "quant/core/kernels/quantize_kernel.h"
#include "quant/core/quantize.h"

#include <ATen/ATen.h>

#include <cmath>

namespace fxp::quant {

namespace {

/// min_mse over several parts of one tensor.
QType leastError(const Tensors& parts, const ValueRange& range, const QType& given, const std::string& where) {
    if (parts.size() == 1)
        return minMse(parts[0], range, given, where);
    constexpr int kDepth = 10;
    if (!given.totalBits)
        throw Error(where, "min_mse needs total_bits", "give total_bits");
    QType best = noOverflow(range, given, where), trial = best;
    double least = INFINITY;
    for (int step = 0; step <= kDepth; ++step, ++*trial.fractionalBits) {
        double error = 0;
        for (const at::Tensor& part : parts) {
            const at::Tensor source = part.contiguous();
            QuantizeJob job;
            job.x = source.data_ptr<float>();
            job.count = source.numel();
            job.type = trial;
            error += quantizeWithFigures(job).sumSquaredError;
        }
        if (error < least) {
            least = error;
            best = trial;
        }
    }
    return best;
}

QType filledIn(const Tensors& parts, const ValueRange& range, const QType& given, Method method,
               const std::string& where) {
    switch (method) {
    case Method::NoOverflow: return noOverflow(range, given, where);
    case Method::HighPrecision: return highPrecision(range, given, where);
    case Method::MinMse: return leastError(parts, range, given, where);
    }
    return given;
}

/// How many steps still read each value, for every batch alike.
std::vector<int> readers(const Program& program) {
    std::vector<int> counts(static_cast<std::size_t>(program.valueCount), 0);
    for (const Node& node : program.nodes) {
        for (const ValueId input : node.inputs) {
            if (input != kAbsent)
                ++counts[static_cast<std::size_t>(input)];
        }
    }
    return counts;
}

struct Progress {
    std::shared_ptr<const Program> program;
    Tensors values;
    std::vector<int> readersLeft;
};

void fillParameters(const Program& program, const CalibrationOptions& options, Formats& formats) {
    std::vector<char> filled(formats.size(), 0);
    for (const Node& node : program.nodes) {
        if (!node.isQuantize())
            continue;
        const auto slot = static_cast<std::size_t>(node.slot);
        if (!program.slots[slot].parameter || !formats[slot].isPartial())
            continue;
        for (const auto& [id, tensor] : program.constants) {
            if (id == node.inputs[0]) {
                formats[slot] = filledIn({tensor}, valueRange(tensor), formats[slot], options.parameters, node.name);
                filled[slot] = 1;
            }
        }
    }
    unifyGroups(program.layers, program.slots, options, filled, formats);
}

} // namespace

std::optional<Formats> calibrate(const std::vector<CalibrationBatch>& batches, const Formats& given,
                                 const std::vector<ValueRange>& floatRanges, const CalibrationOptions& options,
                                 const std::function<bool()>& stop, const std::function<void(double)>& progress) {
    const at::NoGradGuard noGrad;
    const Program& first = *batches.front().program;
    Formats formats = given;
    fillParameters(first, options, formats);
    if (options.parametersOnly)
        return formats;

    std::vector<int> uses(formats.size(), 0);
    for (const Node& node : first.nodes) {
        if (node.isQuantize())
            ++uses[static_cast<std::size_t>(node.slot)];
    }
    std::vector<Progress> state;
    for (const CalibrationBatch& batch : batches) {
        const Program& program = *batch.program;
        if (program.nodes.size() != first.nodes.size())
            throw Error("", "the model takes another path for some samples", "calibrate on samples of one kind");
        Progress one{batch.program, Tensors(static_cast<std::size_t>(program.valueCount)), readers(program)};
        for (std::size_t i = 0; i < program.inputs.size(); ++i)
            one.values[static_cast<std::size_t>(program.inputs[i])] = batch.inputs[i];
        for (const auto& [id, tensor] : program.constants)
            one.values[static_cast<std::size_t>(id)] = tensor;
        state.push_back(std::move(one));
    }

    for (std::size_t index = 0; index < first.nodes.size(); ++index) {
        const Node& node = first.nodes[index];
        const auto slot = static_cast<std::size_t>(node.slot);
        if (node.isQuantize() && formats[slot].isPartial()) {
            ValueRange range = uses[slot] > 1 ? floatRanges[slot] : ValueRange{};
            bool fresh = uses[slot] == 1;
            Tensors parts;
            for (const Progress& one : state) {
                const at::Tensor& x = one.values[static_cast<std::size_t>(one.program->nodes[index].inputs[0])];
                parts.push_back(x);
                const ValueRange own = valueRange(x);
                if (fresh)
                    range = own;
                else
                    range.include(own);
                fresh = false;
            }
            formats[slot] = filledIn(parts, range, formats[slot], options.activations, node.name);
        }
        for (Progress& one : state) {
            if (stop && stop())
                return std::nullopt;
            const Node& step = one.program->nodes[index];
            Tensors in;
            for (const ValueId input : step.inputs)
                in.push_back(input == kAbsent ? at::Tensor() : one.values[static_cast<std::size_t>(input)]);
            Tensors out = step.isQuantize() ? Tensors{quantize(in[0], formats[slot], step.name)} : step.operation(in);
            for (std::size_t i = 0; i < step.outputs.size(); ++i)
                one.values[static_cast<std::size_t>(step.outputs[i])] = std::move(out.at(i));
            for (const ValueId input : step.inputs) {
                if (input != kAbsent && --one.readersLeft[static_cast<std::size_t>(input)] == 0)
                    one.values[static_cast<std::size_t>(input)] = at::Tensor();
            }
        }
        if (progress)
            progress(static_cast<double>(index + 1) / static_cast<double>(first.nodes.size()));
    }
    return formats;
}

} // namespace fxp::quant
