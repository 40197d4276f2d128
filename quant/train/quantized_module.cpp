#include "quant/train/quantized_module.h"

#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <utility>

namespace fxp::quant {

namespace {

std::vector<std::vector<std::int64_t>> shapesOf(const Tensors& inputs) {
    std::vector<std::vector<std::int64_t>> shapes;
    for (const at::Tensor& input : inputs)
        shapes.push_back(input.sizes().vec());
    return shapes;
}

/// Statistics that batch_norm gathers are not trained.
bool isTrained(const SlotInfo& slot) {
    return slot.parameter && !slot.absent && !slot.name.starts_with("running_");
}

} // namespace

QuantizedModule::QuantizedModule(Record record, const Tensors& inputs) : m_record(std::move(record)) {
    const Program& program = programFor(inputs);
    m_slots = program.slots;
    m_formats.resize(m_slots.size());
    for (const auto& [path, tensor] : m_parameters) {
        std::string name = path;
        std::ranges::replace(name, '.', '/');
        register_parameter(name, tensor);
    }
}

const Program& QuantizedModule::programFor(const Tensors& inputs) {
    const auto shapes = shapesOf(inputs);
    const auto known = m_programs.find(shapes);
    if (known != m_programs.end() && !known->second.dataDependent)
        return known->second;
    const at::NoGradGuard noGrad;
    Recording recording = m_record(inputs);
    Program& program = m_programs.insert_or_assign(shapes, std::move(recording.program)).first->second;
    std::map<ValueId, std::string> pathOf;
    for (const Step& step : program.steps) {
        if (!step.isQuantize())
            continue;
        const SlotInfo& slot = program.slots[static_cast<std::size_t>(step.sites[0].slot)];
        if (isTrained(slot))
            pathOf.try_emplace(step.inputs[0], slot.path);
    }
    // Every recording computes with the same parameters.
    for (auto& [id, tensor] : program.constants) {
        const auto path = pathOf.find(id);
        if (path == pathOf.end() || tensor.scalar_type() != at::kFloat)
            continue;
        const auto [place, fresh] = m_parameters.try_emplace(path->second, tensor);
        if (fresh)
            place->second = tensor.detach().clone().requires_grad_();
        tensor = place->second;
        const auto source = recording.sources.find(id);
        if (fresh && source != recording.sources.end())
            m_sources.emplace(path->second, source->second);
    }
    return program;
}

void QuantizedModule::setFormats(const Formats& formats) {
    if (formats.size() != m_slots.size())
        throw Error("", "the formats are not this network's", "take them from its slots");
    for (std::size_t i = 0; i < formats.size(); ++i) {
        validate(formats[i], m_slots[i].path);
        if (formats[i].isPartial() && !m_slots[i].absent && !m_slots[i].optional)
            throw Error(m_slots[i].path, formats[i].totalBits ? "fractional_bits is missing" : "total_bits is missing",
                        "set it, or calibrate");
    }
    m_formats = formats;
}

Tensors QuantizedModule::forward(const Tensors& inputs) {
    const Program& program = programFor(inputs);
    Tensors values = startingValues(program, inputs);
    std::vector<char> keep(values.size(), 0);
    for (const ValueId output : program.outputs)
        keep[static_cast<std::size_t>(output)] = 1;
    const std::array lanes{Lane{&program, &values, {}}};
    StepLoop loop;
    loop.formats = &m_formats;
    loop.keep = &keep;
    runSteps(loop, lanes);
    Tensors outputs;
    for (const ValueId output : program.outputs)
        outputs.push_back(values[static_cast<std::size_t>(output)]);
    return outputs;
}

void QuantizedModule::quantizeWeightsBias() {
    const at::NoGradGuard noGrad;
    for (std::size_t i = 0; i < m_slots.size(); ++i) {
        const auto parameter = m_parameters.find(m_slots[i].path);
        if (parameter != m_parameters.end())
            parameter->second.copy_(quantize(parameter->second, m_formats[i], m_slots[i].path));
    }
}

at::Tensor QuantizedModule::parameterOf(const std::string& path) const {
    const auto found = m_parameters.find(path);
    return found == m_parameters.end() ? at::Tensor() : found->second;
}

QuantizedModule::Record recordLayers(std::function<std::vector<Value>(Builder&, const std::vector<Value>&)> forward) {
    return [forward = std::move(forward)](const Tensors& inputs) {
        Builder builder;
        std::vector<Value> values;
        for (const at::Tensor& input : inputs)
            values.push_back(builder.input(input));
        const std::vector<Value> outputs = forward(builder, values);
        Builder::Finished finished = builder.finish(outputs);
        return Recording{std::move(finished.program), std::move(finished.values), {}, {}};
    };
}

} // namespace fxp::quant
