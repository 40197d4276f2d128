#include "quant/core/error.h"
#include "quant/ops/aten_operator.h"
#include "quant/ops/aten_precision.h"

#include <ATen/ATen.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/jit_type.h>

#include <algorithm>

namespace fxp::quant {

namespace {

const c10::Type& plain(const c10::Type& type) {
    return type.kind() == c10::TypeKind::OptionalType ? *type.containedType(0) : type;
}

/// The argument as an IValue of the type in the operator's schema.
at::IValue toIValue(const Argument& argument, const c10::TypePtr& declared, std::span<const at::Tensor> inputs) {
    const c10::Type& type = plain(*declared);
    if (argument.isNone())
        return declared->kind() == c10::TypeKind::TensorType ? at::IValue(at::Tensor()) : at::IValue();
    if (const auto* hole = std::get_if<Hole>(&argument.value)) {
        const at::Tensor& tensor = inputs[static_cast<std::size_t>(hole->input)];
        // An absent tensor: None where the schema makes it optional.
        return !tensor.defined() && declared->kind() == c10::TypeKind::OptionalType ? at::IValue() : tensor;
    }
    if (const auto* list = std::get_if<Argument::List>(&argument.value)) {
        if (type.kind() != c10::TypeKind::ListType)
            throw Error("", "an operator was recorded with a list where it takes none", "record the model anew");
        const c10::TypePtr element = type.containedType(0);
        auto values = c10::impl::GenericList(element);
        for (const Argument& one : *list)
            values.push_back(toIValue(one, element, inputs));
        return values;
    }
    if (const auto* text = std::get_if<std::string>(&argument.value))
        return type.kind() == c10::TypeKind::DeviceObjType ? at::IValue(c10::Device(*text)) : at::IValue(*text);
    if (const auto* flag = std::get_if<bool>(&argument.value))
        return *flag;
    if (const auto* number = std::get_if<double>(&argument.value))
        return *number;
    const std::int64_t integer = std::get<std::int64_t>(argument.value);
    if (type.kind() == c10::TypeKind::FloatType)
        return static_cast<double>(integer);
    return integer;
}

c10::Stack stackOf(const AtenOperator& aten, const StepContext& context, std::span<const at::Tensor> inputs) {
    const auto& schema = *aten.schema;
    const Arguments& given = context.arguments();
    if (given.size() > schema.arguments().size())
        throw Error(context.step.op, "was recorded with more arguments than it takes",
                    "use the LibTorch that the model was recorded with");
    c10::Stack stack;
    for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
        const c10::Argument& declared = schema.arguments()[i];
        if (i < given.size())
            stack.push_back(toIValue(given[i].value, declared.type(), inputs));
        else if (declared.default_value())
            stack.push_back(*declared.default_value());
        else
            throw Error(context.step.op, "needs the argument " + declared.name(), "record the model anew");
    }
    return stack;
}

Tensors runOn(const AtenOperator& aten, c10::Stack stack) {
    for (const std::size_t place : aten.written) {
        if (!stack[place].isTensor())
            throw Error(aten.schema->name(), "writes to a list of tensors, which cannot be followed",
                        "write to the tensors one by one");
        stack[place] = stack[place].toTensor().clone();
    }
    aten.run(stack);
    Tensors results;
    for (const at::IValue& value : stack)
        forEachTensor(value, [&results](const at::Tensor& tensor) { results.push_back(tensor); });
    return results;
}

/// The tensors in float64 where they are float32, and complex likewise.
Tensors widened(std::span<const at::Tensor> inputs) {
    Tensors wide;
    for (const at::Tensor& input : inputs) {
        const bool real = input.defined() && input.scalar_type() == at::kFloat;
        const bool complex = input.defined() && input.scalar_type() == at::kComplexFloat;
        wide.push_back(real ? input.to(at::kDouble) : complex ? input.to(at::kComplexDouble) : input);
    }
    return wide;
}

Tensors narrowed(Tensors results) {
    for (at::Tensor& result : results) {
        if (result.defined() && result.scalar_type() == at::kDouble)
            result = result.to(at::kFloat);
        else if (result.defined() && result.scalar_type() == at::kComplexDouble)
            result = result.to(at::kComplexFloat);
    }
    return results;
}

/// Replaces float32 by float64 in an argument that names a type. Says whether an argument named float64 already.
bool widenType(const c10::FunctionSchema& schema, c10::Stack& stack) {
    for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
        if (schema.arguments()[i].name() != "dtype" || !stack[i].isInt())
            continue;
        if (stack[i].toInt() == static_cast<std::int64_t>(at::kDouble))
            return true;
        if (stack[i].toInt() == static_cast<std::int64_t>(at::kFloat))
            stack[i] = static_cast<std::int64_t>(at::kDouble);
    }
    return false;
}

bool isWidenable(const StepContext& context) {
    bool any = false;
    for (const at::Tensor& input : context.inputs) {
        if (!input.defined())
            continue;
        if (input.scalar_type() == at::kDouble || input.scalar_type() == at::kComplexDouble ||
            (input.requires_grad() && at::GradMode::is_enabled()))
            return false; // the model itself asked for float64; a gradient is recorded in the tensors' own type
        any = any || input.scalar_type() == at::kFloat || input.scalar_type() == at::kComplexFloat;
    }
    return any;
}

/// A sequence of numbers in float64, rounded once: LibTorch's kernels add steps in groups as wide as the CPU's vectors.
Tensors evaluateSequence(const AtenOperator& aten, c10::Stack stack) {
    Tensors results = runOn(aten, stack);
    if (results.at(0).scalar_type() != at::kFloat)
        return results;
    const auto& arguments = aten.schema->arguments();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i].name() == "dtype")
            stack[i] = static_cast<std::int64_t>(at::kDouble);
    }
    return narrowed(runOn(aten, std::move(stack)));
}

Tensors evaluateAten(const AtenOperator& aten, const StepContext& context) {
    const std::string& name = context.step.op;
    if (name == "aten::view" || name == "aten::_unsafe_view" || name == "aten::_reshape_alias") {
        // A view recorded on a contiguous tensor may meet one with other strides in a later run: it is a reshape there.
        const c10::Stack stack = stackOf(aten, context, context.inputs);
        return {stack[0].toTensor().reshape(stack[1].toIntVector())};
    }
    if (isSequence(name))
        return evaluateSequence(aten, stackOf(aten, context, context.inputs));
    if (precisionOf(context) == Precision::AsItIs || !isWidenable(context))
        return runOn(aten, stackOf(aten, context, context.inputs));
    if (const auto result = reproducible(name, context))
        return {*result};
    try {
        c10::Stack stack = stackOf(aten, context, widened(context.inputs));
        const bool wanted = widenType(*aten.schema, stack);
        Tensors results = runOn(aten, std::move(stack));
        return wanted ? results : narrowed(std::move(results));
    } catch (const c10::Error&) {
        // Some kernels exist for float32 only. Where the arguments are wrong, this second run throws the error.
        return runOn(aten, stackOf(aten, context, context.inputs));
    }
}

} // namespace

Operator atenStep(const std::string& name) {
    const AtenOperator* aten = findAten(name);
    if (!aten)
        throw Error(name, "this LibTorch has no such operator",
                    "use a newer LibTorch (CMAKE_PREFIX_PATH), or export the model with an older one");
    return {[aten](const StepContext& context) { return evaluateAten(*aten, context); }, {}};
}

} // namespace fxp::quant
