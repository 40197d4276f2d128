#include "quant/import/export_arguments.h"

#include "quant/core/error.h"
#include "quant/import/half.h"

#include <ATen/ATen.h>
#include <ATen/core/jit_type.h>

#include <algorithm>
#include <optional>

namespace fxp::quant {

namespace {

[[noreturn]] void refuse(const c10::FunctionSchema& schema, const std::string& what) {
    throw Error(schema.name(), what, "export the model with PyTorch 2.13 or older");
}

std::vector<at::IValue> items(const at::IValue& value) {
    return value.isTuple() ? value.toTupleRef().elements().vec() : value.toListRef().vec();
}

/// A number as a tensor that takes part in an operator as a number does: it does not widen the other's type.
at::Tensor wrapped(const at::Scalar& number) {
    at::Tensor tensor = at::scalar_tensor(number, at::device(at::kCPU).dtype(number.type()));
    tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
    return tensor;
}

at::IValue converted(const at::IValue& value, const c10::TypePtr& type, const c10::FunctionSchema& schema,
                     std::optional<std::int32_t> count) {
    const auto bad = [&]() -> at::IValue {
        refuse(schema, "is given " + value.tagKind() + " where it takes " + type->str());
    };
    switch (type->kind()) {
    case c10::TypeKind::OptionalType:
        return value.isNone() ? value : converted(value, type->containedType(0), schema, count);
    case c10::TypeKind::TensorType:
        if (value.isInt() || value.isDouble() || value.isBool())
            return wrapped(value.toScalar());
        return value.isTensor() ? value : value.isNone() ? at::IValue(at::Tensor()) : bad();
    case c10::TypeKind::IntType:
        return value.isInt() ? value : value.isBool() ? at::IValue(static_cast<std::int64_t>(value.toBool())) : bad();
    case c10::TypeKind::FloatType:
        return value.isDouble() ? value : value.isInt() ? at::IValue(static_cast<double>(value.toInt())) : bad();
    case c10::TypeKind::BoolType:
        return value.isBool() ? value : value.isInt() ? at::IValue(value.toInt() != 0) : bad();
    case c10::TypeKind::NumberType: return value.isInt() || value.isDouble() || value.isBool() ? value : bad();
    case c10::TypeKind::StringType: return value.isString() ? value : bad();
    case c10::TypeKind::DeviceObjType: return value.isDevice() ? value : bad();
    case c10::TypeKind::ListType: {
        const c10::TypePtr element = type->containedType(0);
        auto list = c10::impl::GenericList(element);
        if (!value.isTuple() && !value.isList()) {
            // One number stands for a list of them.
            const at::IValue one = converted(value, element, schema, {});
            for (std::int32_t i = 0; i < count.value_or(1); ++i)
                list.push_back(one);
            return list;
        }
        for (const at::IValue& item : items(value))
            list.push_back(converted(item, element, schema, {}));
        return list;
    }
    default: return value.isNone() ? value : bad();
    }
}

bool saysNothing(const at::IValue& value) {
    return value.isNone() || (value.isBool() && !value.toBool());
}

} // namespace

c10::Stack stackFor(const c10::FunctionSchema& schema, const std::vector<std::pair<std::string, at::IValue>>& given) {
    std::vector<char> used(given.size(), 0);
    c10::Stack stack;
    for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
        const c10::Argument& argument = schema.arguments()[i];
        const auto named = std::ranges::find(given, argument.name(), [](const auto& one) { return one.first; });
        auto place = static_cast<std::size_t>(named - given.begin());
        if (named == given.end() && i < given.size() && given[i].first.empty())
            place = i;
        if (place < given.size()) {
            used[place] = 1;
            at::IValue value = given[place].second;
            if (argument.name() == "dtype" && value.isInt() && isHalf(static_cast<at::ScalarType>(value.toInt())))
                value = static_cast<std::int64_t>(at::kFloat);
            stack.push_back(
                converted(value, argument.type(), schema, argument.N() ? std::optional(*argument.N()) : std::nullopt));
        } else if (argument.default_value()) {
            stack.push_back(*argument.default_value());
        } else if (argument.type()->kind() == c10::TypeKind::OptionalType) {
            stack.emplace_back();
        } else {
            refuse(schema, "lacks its argument " + argument.name());
        }
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
        if (!used[i] && !saysNothing(given[i].second))
            refuse(schema, "has an argument " + given[i].first + ", which this LibTorch does not know");
    }
    return stack;
}

} // namespace fxp::quant
