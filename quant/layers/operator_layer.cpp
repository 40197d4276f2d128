#include "quant/layers/operator_layer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace fxp::quant {

namespace {

std::string numbered(const std::string& name, std::size_t index, std::size_t count) {
    return count > 1 ? name + "_" + std::to_string(index) : name;
}

} // namespace

const Slot& OperatorLayer::addSlot(const std::string& name, Role role) {
    m_slots.push_back(std::make_unique<Slot>(*this, name, role));
    return *m_slots.back();
}

std::vector<Value> OperatorLayer::forwardProduct(const OperatorProduct& product, const std::vector<Value>& inputs,
                                                 Builder& run) {
    m_slots.push_back(std::make_unique<Slot>(*this, "accumulator", Slot::Accumulator{}));
    const Slot& accumulator = *m_slots.back();
    const Slot& activation = addSlot("activation", Role::Activation);
    const Slot* bias = product.bias ? m_slots[*product.bias].get() : nullptr;
    const Value sum =
        recordProduct(run, type(), inputs[product.x], inputs[product.w], product.bias ? inputs[*product.bias] : Value{},
                      {*m_slots[product.x], *m_slots[product.w], bias, accumulator, activation}, product.product);
    const Value y = quantizeLogged(run, activation, sum, "output_pre_quant", "output");
    run.declare(*this);
    return {y};
}

std::vector<Value> OperatorLayer::forward(const std::vector<Operand>& operands, const Tensors& results,
                                          Operation operation, Builder& run,
                                          const std::optional<OperatorProduct>& product) {
    const auto computed = static_cast<std::size_t>(std::ranges::count_if(
        operands, [](const Operand& operand) { return operand.quantized && operand.parameter.empty(); }));
    std::size_t input = 0;
    std::vector<Value> inputs;
    for (const Operand& operand : operands) {
        if (!operand.quantized) {
            inputs.push_back(operand.value);
            continue;
        }
        std::string name = operand.parameter;
        if (name.empty())
            name = numbered("input", input++, computed);
        // The statistics of a batch norm are added and multiplied once an element, like a bias, and need its bits.
        const bool isBias = name.find("bias") != std::string::npos || name.starts_with("running_");
        const Role role = operand.parameter.empty() ? Role::Activation : isBias ? Role::Bias : Role::Weight;
        inputs.push_back(quantizeLogged(run, addSlot(name, role), operand.value));
    }
    const std::size_t needed = product ? 2 + (product->bias ? 1 : 0) : 0;
    if (product && inputs.size() >= needed && m_slots.size() == inputs.size()) // each operand has its slot
        return forwardProduct(*product, inputs, run);
    const std::vector<Value> outputs = run.append(type(), inputs, results, std::move(operation));
    const auto isReal = [](const at::Tensor& t) { return t.defined() && t.scalar_type() == at::kFloat; };
    const auto real = static_cast<std::size_t>(std::ranges::count_if(results, isReal));
    std::size_t activation = 0;
    std::vector<Value> quantized;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (!isReal(results[i])) {
            quantized.push_back(outputs[i]);
            continue;
        }
        const std::string name = numbered("activation", activation, real);
        const std::string logged = numbered("output", activation++, real);
        quantized.push_back(
            quantizeLogged(run, addSlot(name, Role::Activation), outputs[i], logged + "_pre_quant", logged));
    }
    run.declare(*this);
    return quantized;
}

} // namespace fxp::quant
