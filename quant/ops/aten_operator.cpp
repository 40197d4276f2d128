#include "quant/ops/aten_operator.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>
#include <ATen/core/function_schema.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <map>
#include <mutex>

namespace fxp::quant {

namespace {

std::vector<std::size_t> writtenArguments(const c10::FunctionSchema& schema) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
        const auto* alias = schema.arguments()[i].alias_info();
        if (alias && alias->isWrite())
            places.push_back(i);
    }
    return places;
}

std::optional<AtenOperator> lookUp(const std::string& name) {
    const std::size_t dot = name.find('.', name.find("::"));
    const std::string base = name.substr(0, dot), overload = dot == std::string::npos ? "" : name.substr(dot + 1);
    for (const auto& candidate : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(base))) {
        if (candidate->schema().overload_name() != overload || candidate->schema().is_vararg())
            continue;
        // Shared, because calling an Operation is not const.
        const auto operation = std::make_shared<torch::jit::Operation>(candidate->getOperation());
        return AtenOperator{&candidate->schema(), [candidate, operation](c10::Stack& stack) { (*operation)(stack); },
                            writtenArguments(candidate->schema())};
    }
    return std::nullopt;
}

} // namespace

const AtenOperator* findAten(const std::string& name) {
    static std::mutex mutex;
    static std::map<std::string, std::optional<AtenOperator>> known;
    const std::lock_guard lock(mutex);
    auto& found = known[name];
    if (!found)
        found = lookUp(name); // not found: looked up again next time, because reading a file can register stand-ins
    return found ? &*found : nullptr;
}

void forEachTensor(const at::IValue& value, const std::function<void(const at::Tensor&)>& visit) {
    if (value.isTensor()) {
        visit(value.toTensor());
    } else if (value.isList()) {
        for (const at::IValue& element : value.toListRef())
            forEachTensor(element, visit);
    } else if (value.isTuple()) {
        for (const at::IValue& element : value.toTupleRef().elements())
            forEachTensor(element, visit);
    }
}

Argument toArgument(const at::IValue& value, Tensors& tensors, const std::string& where) {
    if (value.isNone())
        return {};
    if (value.isTensor()) {
        if (!value.toTensor().defined())
            return {};
        tensors.push_back(value.toTensor());
        return Hole{static_cast<std::int32_t>(tensors.size() - 1)};
    }
    if (value.isBool())
        return value.toBool();
    if (value.isInt())
        return value.toInt();
    if (value.isDouble())
        return value.toDouble();
    if (value.isString())
        return value.toStringRef();
    if (value.isDevice())
        return value.toDevice().str();
    if (value.isList() || value.isTuple()) {
        Argument::List list;
        const auto elements = value.isList() ? value.toListRef().vec() : value.toTupleRef().elements().vec();
        for (const at::IValue& element : elements)
            list.push_back(toArgument(element, tensors, where));
        return list;
    }
    throw Error(where, "takes an argument of the kind " + value.tagKind() + ", which cannot be recorded",
                "leave that argument out of the model");
}

} // namespace fxp::quant
