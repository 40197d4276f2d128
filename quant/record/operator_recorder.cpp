#include "quant/import/operator_recorder.h"

#include "quant/core/error.h"
#include "quant/import/layer_operators.h"
#include "quant/import/operator_names.h"
#include "quant/import/operator_products.h"
#include "quant/import/proof.h"
#include "quant/layers/operator_layer.h"

#include <ATen/ATen.h>
#include <ATen/core/function_schema.h>

#include <algorithm>
#include <optional>
#include <span>

namespace fxp::quant {

namespace {

/// Calls `visit` on every tensor in a value, through lists and optionals, in order.
void forEachTensor(const at::IValue& value, const std::function<void(const at::Tensor&)>& visit) {
    if (value.isTensor()) {
        visit(value.toTensor());
    } else if (value.isTensorList() || value.isList()) {
        for (const at::IValue& element : value.toListRef())
            forEachTensor(element, visit);
    } else if (value.isTuple()) {
        for (const at::IValue& element : value.toTupleRef().elements())
            forEachTensor(element, visit);
    }
}

/// The value with its tensors replaced, in the order of forEachTensor.
at::IValue withTensors(const at::IValue& value, std::span<const at::Tensor>& tensors) {
    if (value.isTensor()) {
        const at::Tensor tensor = tensors.front();
        tensors = tensors.subspan(1);
        return tensor;
    }
    if (value.isTensorList()) {
        c10::List<at::Tensor> list;
        for (std::size_t i = 0, count = value.toListRef().size(); i < count; ++i, tensors = tensors.subspan(1))
            list.push_back(tensors.front());
        return list;
    }
    if (value.isList()) {
        const auto list = value.toList();
        auto copy = c10::impl::GenericList(list.elementType());
        for (const at::IValue& element : value.toListRef())
            copy.push_back(withTensors(element, tensors));
        return copy;
    }
    return value;
}

Tensors tensorsOf(std::span<const at::IValue> values) {
    Tensors tensors;
    for (const at::IValue& value : values)
        forEachTensor(value, [&](const at::Tensor& tensor) { tensors.push_back(tensor); });
    return tensors;
}

/// The index of the tensor argument that the operator writes to; absent for a functional one.
std::optional<std::size_t> writtenArgument(const c10::FunctionSchema& schema, const c10::Stack& stack) {
    for (std::size_t i = 0; i < schema.arguments().size() && i < stack.size(); ++i) {
        const auto* alias = schema.arguments()[i].alias_info();
        if (alias && alias->isWrite() && stack[i].isTensor())
            return i;
    }
    return std::nullopt;
}

/// How a tensor lies in its storage.
struct Layout {
    explicit Layout(const at::Tensor& t)
        : sizes(t.sizes().vec()), strides(t.strides().vec()), offset(t.storage_offset()) {}
    at::Tensor in(const at::Tensor& storage) const { return storage.as_strided(sizes, strides, offset); }

    std::vector<std::int64_t> sizes, strides;
    std::int64_t offset;
};

} // namespace

void OperatorRecorder::bind(const at::Tensor& tensor, Value value) {
    m_tracked.insert_or_assign(tensor.unsafeGetTensorImpl(), Tracked{tensor, value});
}

void OperatorRecorder::bindParameter(const at::Tensor& tensor, const std::string& name) {
    if (tensor.defined() && m_names.try_emplace(tensor.unsafeGetTensorImpl(), name).second)
        m_named.push_back(tensor);
}

Value OperatorRecorder::valueOf(const at::Tensor& tensor) {
    if (!tensor.defined())
        return {};
    const auto known = m_tracked.find(tensor.unsafeGetTensorImpl());
    return known != m_tracked.end() ? known->second.value : m_builder.constant(tensor);
}

bool OperatorRecorder::isLive(const at::Tensor& tensor) const {
    return tensor.defined() && m_tracked.contains(tensor.unsafeGetTensorImpl());
}

void OperatorRecorder::run(const c10::FunctionSchema& schema, const StackFunction& function, c10::Stack& stack,
                           OperatorScope& scope) {
    const Tensors inputs = tensorsOf(stack);
    const bool live = std::ranges::any_of(inputs, [this](const at::Tensor& t) { return isLive(t); });
    const std::string name = operatorName(schema.name(), stack);
    const auto written = writtenArgument(schema, stack);
    if (written && (live || m_names.contains(stack[*written].toTensor().unsafeGetTensorImpl()))) {
        runInPlace(schema, function, stack, scope, *written);
        return;
    }
    if (live && readsValues(name))
        m_builder.setDataDependent();
    if (!live || dependsOnShapeAlone(name)) {
        function(stack);
        // A parameter seen through a view is still that parameter.
        if (movesValues(name) && !inputs.empty() && !stack.empty() && stack.back().isTensor()) {
            const auto named = m_names.find(inputs[0].defined() ? inputs[0].unsafeGetTensorImpl() : nullptr);
            if (named != m_names.end())
                bindParameter(stack.back().toTensor(), std::string(named->second));
        }
        return;
    }
    const c10::Stack arguments = stack;
    function(stack);
    record(schema, function, arguments, stack, scope);
}

void OperatorRecorder::record(const c10::FunctionSchema& schema, const StackFunction& function,
                              const c10::Stack& arguments, c10::Stack& results, OperatorScope& scope) {
    const Tensors inputs = tensorsOf(arguments);
    const Tensors outputs = tensorsOf(results);
    const std::string name = operatorName(schema.name(), arguments);
    // What returns its own input (`contiguous` of a contiguous tensor) is no step.
    const auto isInput = [&](const at::Tensor& output) {
        return std::ranges::any_of(inputs, [&](const at::Tensor& input) { return input.is_same(output); });
    };
    if (outputs.empty() || std::ranges::all_of(outputs, isInput))
        return;

    Hint hint{name, {}};
    for (const at::IValue& argument : arguments)
        hint.arguments.push_back(argument.isTensor() ? at::IValue(at::Tensor()) : argument);
    m_hints.push_back(hint);

    // The file's `view` of a tensor that lay otherwise in the float run than in a later one is a reshape there.
    Operation operation;
    if (name == "view" && arguments.size() == 2 && arguments[1].isIntList()) {
        operation = [shape = arguments[1].toIntVector()](std::span<const at::Tensor> in) {
            return Tensors{in[0].reshape(shape)};
        };
    } else {
        operation = [function, arguments](std::span<const at::Tensor> in) {
            c10::Stack stack;
            for (const at::IValue& argument : arguments)
                stack.push_back(withTensors(argument, in));
            function(stack);
            return tensorsOf(stack);
        };
    }

    if (isLayerOperator(name)) {
        const std::vector<Value> layered = recordLayer(name, arguments, outputs, scope);
        if (!layered.empty()) {
            takeLayerResults(layered, results);
            return;
        }
    }
    if (name == "batch_norm" && !m_folded.empty()) {
        OperatorScope trial = scope;
        const std::string path = pathOf(name, trial);
        if (m_folded.contains(path)) {
            scope = trial;
            takeLayerResults(foldBatchNorm(path, arguments, outputs.at(0)), results);
            return;
        }
    }
    std::vector<Value> values;
    if (movesValues(name)) {
        std::vector<Value> operands;
        for (const at::Tensor& input : inputs)
            operands.push_back(valueOf(input));
        values = m_builder.append(name, operands, outputs, std::move(operation));
    } else {
        std::vector<OperatorLayer::Operand> operands;
        for (const at::Tensor& input : inputs) {
            OperatorLayer::Operand operand{valueOf(input), {}, false};
            operand.quantized = input.defined() && input.scalar_type() == at::kFloat && input.dim() > 0;
            const auto named = m_names.find(input.defined() ? input.unsafeGetTensorImpl() : nullptr);
            if (named != m_names.end())
                operand.parameter = named->second;
            operands.push_back(operand);
        }
        // A type of section 8 has the members that FxPyTorch's class has, or another name.
        const bool isOther = name == "linear" || name == "conv2d" || name == "layer_norm";
        OperatorLayer layer(isOther ? name + "_operator" : name, pathOf(name, scope));
        values = layer.forward(operands, outputs, std::move(operation), m_builder, operatorProduct(name, arguments));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i].defined())
            bind(outputs[i], values[i]);
    }
}

std::vector<Value> OperatorRecorder::foldBatchNorm(const std::string& path, const c10::Stack& arguments,
                                                   const at::Tensor& expected) {
    const auto tensor = [&](std::size_t i) {
        return arguments.at(i).isTensor() ? arguments[i].toTensor() : at::Tensor();
    };
    // aten::batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled)
    const Value folded = m_builder.foldInto(valueOf(tensor(0)),
                                            {tensor(1), tensor(2), tensor(3), tensor(4), arguments.at(7).toDouble()});
    if (!folded.defined() || !agrees(m_builder.tensor(folded), expected))
        throw Error(path, "the batch norm cannot be folded into the layer before it", "leave it as it is");
    return {folded};
}

void OperatorRecorder::takeLayerResults(const std::vector<Value>& values, c10::Stack& results) {
    Tensors tensors;
    for (const Value value : values) {
        // A tensor of its own, so that its readers are told from those of what the layer took.
        tensors.push_back(m_builder.tensor(value).alias());
        bind(tensors.back(), value);
    }
    std::span<const at::Tensor> rest = tensors;
    for (at::IValue& result : results)
        result = withTensors(result, rest);
}

std::string OperatorRecorder::pathOf(const std::string& name, OperatorScope& scope, bool isLayer) {
    const int count = scope.counters[name]++;
    const std::string own = count == 0 ? name : name + "_" + std::to_string(count);
    const bool isFirst = scope.counters.size() == 1 && count == 0;
    const bool atModule = scope.leaf && !scope.taken && (isFirst || isLayer);
    scope.taken = scope.taken || atModule;
    return atModule ? scope.path : joinPath(scope.path, own);
}

std::vector<Value> OperatorRecorder::recordLayer(const std::string& name, const c10::Stack& arguments,
                                                 const Tensors& expected, OperatorScope& scope) {
    const auto begin = m_builder.mark();
    OperatorScope trial = scope;
    try {
        const auto got = recordLayerOperator(
            name, arguments, pathOf(name, trial, true), [this](const at::Tensor& t) { return valueOf(t); }, m_builder);
        bool proven = got && got->size() == expected.size();
        for (std::size_t i = 0; proven && i < got->size(); ++i)
            proven = agrees(m_builder.tensor((*got)[i]), expected[i]);
        if (proven) {
            scope = trial;
            return *got;
        }
    } catch (const std::exception&) {
        // Tensors that do not fit: a wrong hypothesis, and no more.
    }
    m_builder.erase(begin, m_builder.mark());
    return {};
}

void OperatorRecorder::runInPlace(const c10::FunctionSchema& schema, const StackFunction& function, c10::Stack& stack,
                                  OperatorScope& scope, std::size_t written) {
    const at::Tensor target = stack[written].toTensor();
    // The functional twin: the same operator on a copy, which nothing else sees.
    const StackFunction functional = [function, written](c10::Stack& arguments) {
        arguments[written] = arguments[written].toTensor().clone();
        function(arguments);
    };
    c10::Stack results = stack;
    const c10::Stack arguments = stack;
    functional(results);
    const at::Tensor after = results.back().toTensor();
    if (!isLive(target)) // a constant or a parameter from now on hangs on the inputs
        bind(target, m_builder.constant(target.clone()));
    record(schema, functional, arguments, results, scope);
    m_builder.protect(target);
    target.copy_(after);
    writeThrough(target, valueOf(after));
    stack.assign(1, at::IValue(target));
}

void OperatorRecorder::writeThrough(const at::Tensor& target, Value written) {
    const Layout to(target);
    const auto elements = static_cast<std::int64_t>(target.storage().nbytes() / target.element_size());
    bind(target, written);
    for (auto& [impl, tracked] : m_tracked) {
        const at::Tensor other = tracked.tensor;
        const bool shares = !other.is_same(target) && other.has_storage() &&
                            other.storage().unsafeGetStorageImpl() == target.storage().unsafeGetStorageImpl() &&
                            other.scalar_type() == target.scalar_type();
        if (!shares)
            continue;
        // A view of the same memory: its values before, overwritten where the target lies, both laid out as in the
        // file's own run.
        const Layout view(other);
        tracked.value = m_builder.apply("write_through", {tracked.value, written},
                                        [to, view, elements](std::span<const at::Tensor> in) {
                                            const at::Tensor storage = at::zeros({elements}, in[0].options());
                                            view.in(storage).copy_(in[0]);
                                            to.in(storage).copy_(in[1]);
                                            return view.in(storage).clone();
                                        });
    }
}

} // namespace fxp::quant
