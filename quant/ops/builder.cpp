#include "quant/graph/builder.h"

#include "quant/layers/layer.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

std::string joinPath(const std::string& parent, const std::string& name) {
    if (parent.empty())
        return name;
    return name.empty() ? parent : parent + "." + name;
}

Value Builder::add(const at::Tensor& tensor, bool constant) {
    m_tensors.push_back(tensor);
    m_constant.push_back(constant);
    return {static_cast<ValueId>(m_tensors.size() - 1)};
}

Value Builder::input(const at::Tensor& tensor) {
    const Value value = add(tensor, false);
    m_inputs.push_back(value.id);
    return value;
}

Value Builder::constant(const at::Tensor& tensor) {
    if (!tensor.defined())
        return {};
    const auto known = m_constantOf.find(tensor.unsafeGetTensorImpl());
    if (known != m_constantOf.end())
        return {known->second};
    const Value value = add(tensor, true);
    m_constants.emplace_back(value.id, tensor);
    m_constantOf.emplace(tensor.unsafeGetTensorImpl(), value.id);
    return value;
}

SlotInfo Builder::infoOf(const Slot& slot) const {
    const Layer& layer = slot.layer();
    SlotInfo info;
    info.path = slot.path();
    info.layerPath = layer.path();
    info.layerType = layer.type();
    info.name = slot.name();
    info.role = slot.role();
    info.optional = slot.isOptional();
    return info;
}

Value Builder::quantize(const Slot& slot, Value value) {
    SlotInfo info = infoOf(slot);
    if (!value.defined()) {
        info.absent = true;
        m_slots.try_emplace(info.path, info);
        return {};
    }
    // Copied: adding the result may move the vector that it lies in.
    const at::Tensor source = tensor(value);
    info.parameter = isConstant(value) && slot.role() != Role::Activation;
    info.shape = source.sizes().vec();
    Step step;
    step.node.name = info.path;
    step.sitePaths = {info.path};
    step.node.sites = {{-1, value.id, static_cast<ValueId>(m_tensors.size())}};
    m_slots.insert_or_assign(info.path, info);
    // A tensor of its own, so that what the format changes is told apart from what it was.
    return addStep(std::move(step), {value}, {source.alias()})[0];
}

void Builder::setStepDimension(const Slot& slot, int dimension) {
    m_slots.at(slot.path()).stepDimension = dimension;
}

Value Builder::apply(const std::string& name, const std::vector<Value>& inputs,
                     std::function<at::Tensor(std::span<const at::Tensor>)> operation) {
    Tensors tensors;
    for (const Value& input : inputs)
        tensors.push_back(input.defined() ? tensor(input) : at::Tensor());
    const at::Tensor result = operation(tensors);
    return append(name, inputs, {result},
                  [run = std::move(operation)](std::span<const at::Tensor> in) { return Tensors{run(in)}; })[0];
}

std::vector<Value> Builder::append(const std::string& name, const std::vector<Value>& inputs, const Tensors& results,
                                   Operation operation) {
    Step step;
    step.node.name = name;
    step.node.operation = std::move(operation);
    return addStep(std::move(step), inputs, results);
}

std::vector<Value> Builder::applyWithFormats(const std::string& name, const std::vector<Value>& inputs,
                                             const std::vector<const Slot*>& formatSlots,
                                             const std::vector<InnerSlot>& innerSlots, FormatOperation operation) {
    Tensors tensors;
    for (const Value& input : inputs)
        tensors.push_back(input.defined() ? tensor(input) : at::Tensor());
    const std::vector<SlotFormat> asFloat(formatSlots.size());
    const Tensors results = operation(tensors, asFloat, nullptr);
    Step step;
    step.node.name = name;
    step.node.formatOperation = std::move(operation);
    for (const Slot* slot : formatSlots)
        step.formatPaths.push_back(slot->path());
    const auto firstResult = static_cast<ValueId>(m_tensors.size());
    for (const InnerSlot& inner : innerSlots) {
        SlotInfo info = infoOf(*inner.slot);
        info.shape = results[inner.before].sizes().vec();
        info.stepDimension = inner.stepDimension;
        step.sitePaths.push_back(info.path);
        step.node.sites.push_back(
            {-1, firstResult + static_cast<ValueId>(inner.before), firstResult + static_cast<ValueId>(inner.after)});
        m_slots.insert_or_assign(info.path, info);
    }
    return addStep(std::move(step), inputs, results);
}

std::vector<Value> Builder::addStep(Step step, const std::vector<Value>& inputs, const Tensors& results) {
    bool constant = true;
    for (const Value& input : inputs) {
        step.node.inputs.push_back(input.id);
        constant = constant && (!input.defined() || isConstant(input));
    }
    std::vector<Value> outputs;
    for (const at::Tensor& result : results) {
        outputs.push_back(add(result, constant));
        step.node.outputs.push_back(outputs.back().id);
    }
    m_steps.push_back(std::move(step));
    return outputs;
}

void Builder::log(const Layer& layer, const std::string& name, Value value,
                  std::function<at::Tensor(const at::Tensor&)> view) {
    m_log.push_back({joinPath(layer.logScope(), name), layer.logType(), value.id, std::move(view)});
}

void Builder::declare(const Layer& layer) {
    m_layers.push_back(layer.spec());
}

const at::Tensor& Builder::tensor(Value value) const {
    return m_tensors[static_cast<std::size_t>(value.id)];
}

bool Builder::isConstant(Value value) const {
    return m_constant[static_cast<std::size_t>(value.id)];
}

void Builder::erase(const Mark& begin, const Mark& end) {
    const auto cut = [](auto& list, std::size_t from, std::size_t to) {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(from), list.begin() + static_cast<std::ptrdiff_t>(to));
    };
    cut(m_steps, begin.nodes, end.nodes);
    cut(m_log, begin.log, end.log);
    cut(m_layers, begin.layers, end.layers);
    for (auto it = m_refoldable.begin(); it != m_refoldable.end();) {
        Mark &first = it->second.begin, &last = it->second.end;
        if (first.nodes >= begin.nodes && last.nodes <= end.nodes) {
            it = m_refoldable.erase(it);
            continue;
        }
        if (first.nodes >= end.nodes) {
            for (Mark* mark : {&first, &last}) {
                mark->nodes -= end.nodes - begin.nodes;
                mark->log -= end.log - begin.log;
                mark->layers -= end.layers - begin.layers;
            }
        }
        ++it;
    }
}

Value Builder::foldInto(Value x, const BatchNormParameters& norm) {
    const auto found = m_refoldable.find(x.id);
    if (found == m_refoldable.end())
        return {};
    const Refoldable layer = found->second;
    erase(layer.begin, layer.end);
    return layer.record(*this, fold(layer.weight, layer.bias, norm, layer.inputGroups));
}

void Builder::protect(const at::Tensor& tensor) {
    const auto shares = [&tensor](const at::Tensor& other) {
        return other.defined() && other.has_storage() &&
               other.storage().unsafeGetStorageImpl() == tensor.storage().unsafeGetStorageImpl();
    };
    for (at::Tensor& held : m_tensors) {
        if (shares(held))
            held = held.clone();
    }
    for (auto& [id, held] : m_constants) {
        if (shares(held))
            held = m_tensors[static_cast<std::size_t>(id)];
    }
}

Program Builder::finish(const std::vector<Value>& outputs) {
    Program program;
    program.valueCount = static_cast<ValueId>(m_tensors.size());
    program.inputs = m_inputs;
    program.constants = m_constants;
    for (const LayerSpec& layer : m_layers) { // one that is called more than once is one layer
        if (std::ranges::find(program.layers, layer) == program.layers.end())
            program.layers.push_back(layer);
    }
    program.log = m_log;
    program.dataDependent = m_dataDependent;
    for (const Value& output : outputs)
        program.outputs.push_back(output.id);

    std::map<std::string, SlotId> ids;
    const auto numberOf = [&](const std::string& path) {
        const auto [place, fresh] = ids.try_emplace(path, static_cast<SlotId>(program.slots.size()));
        if (fresh)
            program.slots.push_back(m_slots.at(path));
        return place->second;
    };
    for (const Step& step : m_steps) {
        Node node = step.node;
        for (std::size_t i = 0; i < node.sites.size(); ++i)
            node.sites[i].slot = numberOf(step.sitePaths[i]);
        program.nodes.push_back(std::move(node));
    }
    // A step's own slots come before those whose formats it takes from elsewhere.
    for (std::size_t i = 0; i < m_steps.size(); ++i) {
        for (const std::string& path : m_steps[i].formatPaths)
            program.nodes[i].formatSlots.push_back(numberOf(path));
    }
    const std::function<void(const LayerSpec&, const std::string&)> addAbsent = [&](const LayerSpec& spec,
                                                                                    const std::string& path) {
        for (const LayerSpec& member : spec.members) {
            const std::string memberPath = joinPath(path, member.name);
            if (!member.isSlot())
                addAbsent(member, memberPath);
            else if (ids.try_emplace(memberPath, static_cast<SlotId>(program.slots.size())).second)
                program.slots.push_back(m_slots.at(memberPath));
        }
    };
    for (const LayerSpec& layer : program.layers)
        addAbsent(layer, layer.name);
    return program;
}

} // namespace fxp::quant
