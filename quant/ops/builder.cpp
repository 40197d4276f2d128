#include "quant/ops/builder.h"

#include "quant/core/error.h"
#include "quant/ops/registry.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace fxp::quant {

Builder::ConstantKey Builder::keyOf(const at::Tensor& tensor) {
    return {tensor.storage().unsafeGetStorageImpl(), tensor.storage_offset(), static_cast<int>(tensor.scalar_type()),
            tensor.sizes().vec(), tensor.strides().vec()};
}

Value Builder::add(const at::Tensor& tensor, bool constant) {
    const auto id = static_cast<ValueId>(m_tensors.size());
    m_tensors.push_back(tensor);
    m_constant.push_back(constant);
    m_erased.push_back(false);
    if (tensor.defined() && tensor.has_storage())
        m_byStorage.emplace(tensor.storage().unsafeGetStorageImpl(), id);
    return {id};
}

Value Builder::input(const at::Tensor& tensor) {
    const Value value = add(tensor, false);
    m_inputs.push_back(value.id);
    return value;
}

Value Builder::constant(const at::Tensor& tensor) {
    if (!tensor.defined())
        return {};
    if (!tensor.has_storage()) {
        m_constants.push_back(add(tensor, true).id);
        return {m_constants.back()};
    }
    const auto [place, fresh] = m_constantOf.try_emplace(keyOf(tensor), kAbsent);
    if (fresh) {
        // An alias keeps its shape when the model changes the tensor's shape in place.
        place->second = add(tensor.alias(), true).id;
        m_constants.push_back(place->second);
    }
    return {place->second};
}

Value Builder::quantize(const SlotInfo& slot, Value value) {
    SlotInfo info = slot;
    if (!value.defined()) {
        info.absent = true;
        m_slots.push_back(info);
        return {};
    }
    info.parameter = isConstant(value) && slot.role != Role::Activation;
    info.shape = tensor(value).sizes().vec();
    m_slots.push_back(info);
    OpenStep open;
    open.step.op = "quantize";
    open.step.arguments = {{"", Hole{0}}};
    open.step.inputs = {value.id};
    open.step.sites = {{-1, value.id, static_cast<ValueId>(m_tensors.size())}};
    open.step.layer = slot.layerPath;
    open.step.source = m_source;
    open.formatPaths = open.sitePaths = {info.path};
    const at::Tensor result = tensor(value);
    return addStep(std::move(open), {result})[0];
}

Argument Builder::place(const Operand& operand, std::vector<ValueId>& inputs) const {
    if (const auto* value = std::get_if<Value>(&operand.value)) {
        inputs.push_back(value->id);
        return Hole{static_cast<std::int32_t>(inputs.size() - 1)};
    }
    if (const auto* list = std::get_if<Operand::List>(&operand.value)) {
        Argument::List elements;
        for (const Operand& element : *list)
            elements.push_back(place(element, inputs));
        return elements;
    }
    return std::get<Argument>(operand.value);
}

Tensors Builder::tensorsOf(const std::vector<ValueId>& inputs) const {
    Tensors tensors;
    for (const ValueId input : inputs)
        tensors.push_back(input == kAbsent ? at::Tensor() : tensor({input}));
    return tensors;
}

std::vector<Value> Builder::apply(const std::string& op, const Operands& operands) {
    return applyWithFormats(op, operands, {}, {});
}

Value Builder::call(const std::string& op, const Operands& operands) {
    return apply(op, operands).at(0);
}

std::vector<Value> Builder::applyWithFormats(const std::string& op, const Operands& operands,
                                             const std::vector<SlotInfo>& formats,
                                             const std::vector<InnerSlot>& innerSlots) {
    OpenStep open;
    open.step.op = op;
    for (const Operand& operand : operands)
        open.step.arguments.push_back({operand.name, place(operand, open.step.inputs)});
    open.step.layer = m_layer;
    open.step.source = m_source;
    for (const SlotInfo& slot : formats)
        open.formatPaths.push_back(slot.path);
    open.step.formats.assign(formats.size(), -1);
    const Tensors results = evaluate(open.step, tensorsOf(open.step.inputs), nullptr);
    const auto firstResult = static_cast<ValueId>(m_tensors.size());
    for (const InnerSlot& inner : innerSlots) {
        SlotInfo info = inner.slot;
        info.shape = results.at(inner.before).sizes().vec();
        m_slots.push_back(info);
        open.sitePaths.push_back(info.path);
        open.step.sites.push_back(
            {-1, firstResult + static_cast<ValueId>(inner.before), firstResult + static_cast<ValueId>(inner.after)});
    }
    return addStep(std::move(open), results);
}

std::vector<Value> Builder::addStep(OpenStep open, const Tensors& results) {
    const bool constant = std::ranges::all_of(
        open.step.inputs, [this](ValueId input) { return input == kAbsent || isConstant({input}); });
    std::vector<Value> outputs;
    for (const at::Tensor& result : results) {
        outputs.push_back(add(result, constant));
        open.step.outputs.push_back(outputs.back().id);
    }
    m_steps.push_back(std::move(open));
    return outputs;
}

void Builder::setStepDimension(const SlotInfo& slot, int dimension) {
    std::ranges::find(m_slots.rbegin(), m_slots.rend(), slot.path, &SlotInfo::path)->stepDimension = dimension;
}

void Builder::log(const std::string& key, const std::string& layerType, Value value, const LogView& view) {
    m_log.push_back({key, layerType, value.id, view});
}

void Builder::declare(const LayerSpec& layer) {
    m_layers.push_back(layer);
}

const at::Tensor& Builder::tensor(Value value) const {
    const auto id = static_cast<std::size_t>(value.id);
    if (m_erased[id])
        throw Error("", "a tensor inside a module that became a layer is read from outside",
                    "report the model; its module must run operator by operator");
    return m_tensors[id];
}

bool Builder::isConstant(Value value) const {
    return m_constant[static_cast<std::size_t>(value.id)] != 0;
}

void Builder::erase(const Mark& begin, const Mark& end) {
    for (std::size_t i = begin.steps; i < end.steps; ++i) {
        for (const ValueId output : m_steps[i].step.outputs) {
            m_tensors[static_cast<std::size_t>(output)] = at::Tensor();
            m_erased[static_cast<std::size_t>(output)] = true;
        }
    }
    const auto cut = [](auto& list, std::size_t from, std::size_t to) {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(from), list.begin() + static_cast<std::ptrdiff_t>(to));
    };
    cut(m_steps, begin.steps, end.steps);
    cut(m_log, begin.log, end.log);
    cut(m_layers, begin.layers, end.layers);
    cut(m_slots, begin.slots, end.slots);
    // Ordered by value number, and so in the order of recording: the marks ascend as well.
    for (auto it = m_refoldable.end(); it != m_refoldable.begin();) {
        --it;
        Mark &first = it->second.begin, &last = it->second.end;
        if (last.steps <= begin.steps)
            break;
        if (first.steps >= begin.steps && last.steps <= end.steps) {
            it = m_refoldable.erase(it);
            continue;
        }
        if (first.steps >= end.steps) {
            for (Mark* mark : {&first, &last}) {
                mark->steps -= end.steps - begin.steps;
                mark->log -= end.log - begin.log;
                mark->layers -= end.layers - begin.layers;
                mark->slots -= end.slots - begin.slots;
            }
        }
    }
}

std::vector<Step> Builder::stepsOf(const Mark& begin, const Mark& end) const {
    std::vector<Step> steps;
    for (std::size_t i = begin.steps; i < end.steps; ++i)
        steps.push_back(m_steps[i].step);
    return steps;
}

Value Builder::foldInto(Value x, const BatchNormParameters& norm) {
    const auto found = m_refoldable.find(x.id);
    if (found == m_refoldable.end())
        return {};
    const Refoldable layer = found->second;
    erase(layer.begin, layer.end);
    return layer.record(*this, fold(layer.weight, layer.bias, norm, layer.inputGroups));
}

void Builder::protect(const c10::Storage& storage) {
    const void* key = storage.unsafeGetStorageImpl();
    const auto [first, last] = m_byStorage.equal_range(key);
    for (auto it = first; it != last; ++it) {
        at::Tensor& held = m_tensors[static_cast<std::size_t>(it->second)];
        if (!held.defined() || held.storage().unsafeGetStorageImpl() != key)
            continue;
        if (m_constant[static_cast<std::size_t>(it->second)])
            m_constantOf.erase(keyOf(held));
        held = held.clone();
    }
    m_byStorage.erase(key);
}

} // namespace fxp::quant
