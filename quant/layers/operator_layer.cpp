#include "quant/layers/operator_layer.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace fxp::quant {

namespace {

std::string numbered(const std::string& name, std::size_t index, std::size_t count) {
    return count > 1 ? name + "_" + std::to_string(index) : name;
}

/// Replaces the operator's own values by the quantized ones, in their order.
class Replacement {
  public:
    Replacement(std::string path, const std::vector<OperatorLayer::Input>& inputs, const std::vector<Value>& values)
        : m_path(std::move(path)) {
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (inputs[i].value.defined())
                m_pairs.emplace_back(inputs[i].value, values[i]);
        }
    }

    void in(Operands& operands) {
        for (Operand& operand : operands) {
            if (auto* list = std::get_if<Operand::List>(&operand.value))
                in(*list);
            else if (auto* value = std::get_if<Value>(&operand.value); value && value->defined())
                *value = next(*value);
        }
    }
    void requireDone() const {
        if (m_next != m_pairs.size())
            fail();
    }

  private:
    Value next(Value own) {
        if (m_next == m_pairs.size() || m_pairs[m_next].first != own)
            fail();
        return m_pairs[m_next++].second;
    }
    [[noreturn]] void fail() const {
        throw Error(m_path, "the operator's arguments are not its tensors", "report the model");
    }

    std::string m_path;
    std::vector<std::pair<Value, Value>> m_pairs;
    std::size_t m_next = 0;
};

} // namespace

Slot& OperatorLayer::addSlot(const std::string& name, Role role) {
    m_slots.push_back(std::make_unique<Slot>(*this, name, role));
    return *m_slots.back();
}

std::string OperatorLayer::parameterSlot(const std::string& parameter) const {
    // Parameters must not get the names of the operator's own slots.
    const bool isReserved = parameter == "accumulator" || parameter.starts_with("activation");
    const std::string name = isReserved ? parameter + "_parameter" : parameter;
    const auto taken = [this](const std::string& candidate) {
        return std::ranges::any_of(m_slots, [&](const auto& slot) { return slot->name() == candidate; });
    };
    std::string own = name;
    for (int number = 1; taken(own); ++number)
        own = name + "_" + std::to_string(number);
    return own;
}

std::vector<Value> OperatorLayer::quantizeInputs(const std::vector<Input>& inputs, Builder& run) {
    const auto computed = static_cast<std::size_t>(
        std::ranges::count_if(inputs, [](const Input& input) { return input.quantized && input.parameter.empty(); }));
    std::size_t number = 0;
    std::vector<Value> values;
    for (const Input& input : inputs) {
        if (!input.quantized) {
            values.push_back(input.value);
            continue;
        }
        const bool isComputed = input.parameter.empty();
        const std::string name = isComputed ? numbered("input", number++, computed) : parameterSlot(input.parameter);
        // The statistics of a batch norm are used once per element, as a bias is, and get as many bits.
        const bool isBias =
            input.parameter.find("bias") != std::string::npos || input.parameter.starts_with("running_");
        const Role role = isComputed ? Role::Activation : isBias ? Role::Bias : Role::Weight;
        Slot& slot = addSlot(name, role);
        if (input.divisor)
            slot.setDivisor();
        values.push_back(quantizeLogged(run, slot, input.value));
    }
    return values;
}

std::vector<Value> OperatorLayer::forwardProduct(const OperatorProduct& product, const std::vector<Value>& inputs,
                                                 Builder& run) {
    m_slots.push_back(std::make_unique<Slot>(*this, "accumulator", Slot::Accumulator{}));
    const Slot& accumulator = *m_slots.back();
    const Slot& activation = addSlot("activation", Role::Activation);
    const Slot* bias = product.bias ? m_slots[*product.bias].get() : nullptr;
    const ProductValues values = recordProduct(
        run, product.product, inputs[product.x], inputs[product.w], product.bias ? inputs[*product.bias] : Value{},
        {*m_slots[product.x], *m_slots[product.w], bias, accumulator, activation});
    log(run, "output_pre_quant", values.accumulated);
    log(run, "output", values.activation);
    declare(run);
    return {values.activation};
}

std::vector<Value> OperatorLayer::forward(const std::vector<Input>& inputs, const std::string& op,
                                          const Operands& arguments, Builder& run,
                                          const std::optional<OperatorProduct>& product) {
    const Scope scope(*this, run);
    const std::vector<Value> values = quantizeInputs(inputs, run);
    const std::size_t needed = product ? 2 + (product->bias ? 1 : 0) : 0;
    if (product && values.size() >= needed && m_slots.size() == values.size()) // each operand has its slot
        return forwardProduct(*product, values, run);
    Operands operands = arguments;
    Replacement replacement(path(), inputs, values);
    replacement.in(operands);
    replacement.requireDone();
    const std::vector<Value> outputs = run.apply(op, operands);
    const auto isReal = [&run](Value value) {
        return run.tensor(value).defined() && run.tensor(value).scalar_type() == at::kFloat;
    };
    const auto real = static_cast<std::size_t>(std::ranges::count_if(outputs, isReal));
    std::size_t activation = 0;
    std::vector<Value> quantized;
    for (const Value output : outputs) {
        if (!isReal(output)) {
            quantized.push_back(output);
            continue;
        }
        const std::string name = numbered("activation", activation, real);
        const std::string logged = numbered("output", activation++, real);
        quantized.push_back(
            quantizeLogged(run, addSlot(name, Role::Activation), output, logged + "_pre_quant", logged));
    }
    declare(run);
    return quantized;
}

} // namespace fxp::quant
