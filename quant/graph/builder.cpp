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

Value Builder::quantize(const Slot& slot, Value value) {
    const Layer& layer = slot.layer();
    if (!value.defined()) {
        m_slots.try_emplace(
            slot.path(), SlotInfo{slot.path(), layer.path(), layer.type(), slot.name(), slot.role(), false, true, {}});
        return {};
    }
    // Copied: add() may move the vector that it lies in.
    const at::Tensor source = tensor(value);
    Node node;
    node.name = slot.path();
    node.inputs = {value.id};
    // A tensor of its own, so that what the format changes is told apart from what it was.
    const Value result = add(source.alias(), isConstant(value));
    node.outputs = {result.id};
    m_slots.insert_or_assign(node.name, SlotInfo{node.name, layer.path(), layer.type(), slot.name(), slot.role(),
                                                 isConstant(value), false, source.sizes().vec()});
    m_nodes.push_back(std::move(node));
    return result;
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
    Node node;
    node.name = name;
    node.operation = std::move(operation);
    bool constant = true;
    for (const Value& input : inputs) {
        node.inputs.push_back(input.id);
        constant = constant && (!input.defined() || isConstant(input));
    }
    std::vector<Value> outputs;
    for (const at::Tensor& result : results) {
        outputs.push_back(add(result, constant));
        node.outputs.push_back(outputs.back().id);
    }
    m_nodes.push_back(std::move(node));
    return outputs;
}

void Builder::log(const Layer& layer, const std::string& name, Value value) {
    m_log.push_back({joinPath(layer.logScope(), name), layer.logType(), value.id, m_nodes.size()});
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
    cut(m_nodes, begin.nodes, end.nodes);
    cut(m_log, begin.log, end.log);
    cut(m_layers, begin.layers, end.layers);
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

std::span<const Node> Builder::nodesSince(const Mark& begin) const {
    return std::span(m_nodes).subspan(begin.nodes);
}

Program Builder::finish(const std::vector<Value>& outputs) {
    Program program;
    program.valueCount = static_cast<ValueId>(m_tensors.size());
    program.inputs = m_inputs;
    program.constants = m_constants;
    program.layers = m_layers;
    program.log = m_log;
    program.dataDependent = m_dataDependent;
    for (const Value& output : outputs)
        program.outputs.push_back(output.id);

    std::map<std::string, SlotId> ids;
    for (Node& node : m_nodes) {
        if (node.isQuantize()) {
            const auto [place, fresh] = ids.try_emplace(node.name, static_cast<SlotId>(program.slots.size()));
            if (fresh)
                program.slots.push_back(m_slots.at(node.name));
            node.slot = place->second;
        }
        program.nodes.push_back(node);
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
