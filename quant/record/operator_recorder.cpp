#include "quant/record/operator_recorder.h"

#include "quant/ops/agreement.h"
#include "quant/ops/aten_operator.h"
#include "quant/ops/aten_precision.h"
#include "quant/ops/operator_names.h"
#include "quant/record/layer_operators.h"
#include "quant/record/operator_products.h"

#include <ATen/ATen.h>
#include <ATen/core/function_schema.h>

#include <algorithm>
#include <span>
#include <unordered_set>

namespace fxp::quant {

namespace {

Tensors tensorsOf(std::span<const at::IValue> values) {
    Tensors tensors;
    for (const at::IValue& value : values) {
        forEachTensor(value, [&](const at::Tensor& tensor) {
            if (tensor.defined())
                tensors.push_back(tensor);
        });
    }
    return tensors;
}

/// The tensor arguments that the operator writes to.
std::vector<std::size_t> writtenArguments(const c10::FunctionSchema& schema, const c10::Stack& stack) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < schema.arguments().size() && i < stack.size(); ++i) {
        const auto* alias = schema.arguments()[i].alias_info();
        if (alias && alias->isWrite() && stack[i].isTensor() && stack[i].toTensor().defined())
            places.push_back(i);
    }
    return places;
}

/// In-place operators that change a tensor's view of its memory and no value. The alias set stays the same.
bool changesViewAlone(const std::string& op) {
    static const std::unordered_set<std::string> kNames{"t_",          "transpose_", "swapaxes_",
                                                        "swapdims_",   "squeeze_",   "unsqueeze_",
                                                        "as_strided_", "detach_",    "requires_grad_"};
    return kNames.contains(op);
}

bool mayReturnViews(const c10::FunctionSchema& schema, const std::string& name) {
    return movesValues(name) ||
           std::ranges::any_of(schema.returns(), [](const c10::Argument& result) { return result.alias_info(); });
}

bool returnsTensorsAlone(const c10::FunctionSchema& schema) {
    return std::ranges::all_of(schema.returns(), [](const c10::Argument& result) {
        return result.type()->kind() == c10::TypeKind::TensorType;
    });
}

std::string schemaName(const c10::FunctionSchema& schema) {
    return schema.overload_name().empty() ? schema.name() : schema.name() + "." + schema.overload_name();
}

/// The operand with recorded values in the place of tensors.
Operand operandOf(const at::IValue& value, const std::string& where, AliasSets& aliases) {
    if (value.isTensor() && value.toTensor().defined())
        return aliases.read(value.toTensor());
    if (value.isList() || value.isTuple()) {
        Operand::List list;
        const auto elements = value.isList() ? value.toListRef().vec() : value.toTupleRef().elements().vec();
        for (const at::IValue& element : elements)
            list.push_back(operandOf(element, where, aliases));
        return list;
    }
    Tensors none;
    return toArgument(value, none, where);
}

} // namespace

bool OperatorRecorder::isLookUp(const std::string& name, const Tensors& inputs) const {
    return name == "embedding" && !inputs.empty() && !m_aliases.nameOf(inputs[0]).empty();
}

void OperatorRecorder::run(const OperatorCall& call, c10::Stack& stack, OperatorScope& scope) {
    placed(scope.path, call.schema.name(), [&] { runPlaced(call, stack, scope); });
}

void OperatorRecorder::runPlaced(const OperatorCall& call, c10::Stack& stack, OperatorScope& scope) {
    m_builder.setSource(call.source);
    const Tensors inputs = tensorsOf(stack);
    const bool live = std::ranges::any_of(inputs, [this](const at::Tensor& t) { return m_aliases.isLive(t); });
    const std::string name = operatorName(call.schema.name(), stack);
    const std::string own = call.schema.name().substr(call.schema.name().find("::") + 2);
    if ((!call.isTensorOperator && !movesValues(name)) || changesViewAlone(own)) {
        if (live && readsValues(name, stack))
            noteReading(call, inputs, scope);
        call.run(stack);
        const auto isGiven = [&inputs](const at::Tensor& result) {
            return std::ranges::any_of(inputs, [&](const at::Tensor& input) { return input.is_same(result); });
        };
        for (const at::Tensor& result : tensorsOf(stack)) {
            if (live && result.is_floating_point() && !m_aliases.knows(result) && !isGiven(result))
                throw Error(scope.path, call.schema.name() + " computes a tensor in a way that cannot be followed",
                            "export the model with a newer PyTorch, or without that operator");
        }
        return;
    }
    if (own == "resize_" || own == "set_")
        throw Error(scope.path, "the model gives a tensor other memory (" + own + "), which cannot be followed",
                    "make a new tensor instead");
    const auto written = writtenArguments(call.schema, stack);
    if (!written.empty()) {
        runInPlace(call, name, stack, scope, written);
        return;
    }
    if (live && readsValues(name, stack))
        noteReading(call, inputs, scope);
    if ((live || isLookUp(name, inputs)) && !dependsOnShapeAlone(name))
        runRecorded(call, name, stack, scope);
    else
        runUnrecorded(call, name, stack);
}

void OperatorRecorder::noteReading(const OperatorCall& call, const Tensors& inputs, const OperatorScope& scope) {
    std::vector<Value> read;
    for (const at::Tensor& tensor : inputs) {
        if (m_aliases.isLive(tensor))
            read.push_back(m_aliases.read(tensor));
    }
    m_builder.setDataDependent(read, scope.path, call.schema.name());
}

/// The results of an operator on constants alone where LibTorch's kernel may give other bits on another CPU; absent for
/// all others. A table of positions that the model computes is then the same everywhere.
std::optional<Tensors> OperatorRecorder::evaluateConstant(const OperatorCall& call, const std::string& name,
                                                          const c10::Stack& arguments) const {
    const bool draws = name.starts_with("rand") || name == "normal" || name == "bernoulli"; // in the tensor's own type
    if (!call.isTensorOperator || movesValues(name) || draws || !returnsTensorsAlone(call.schema) ||
        !findAten(schemaName(call.schema)))
        return std::nullopt;
    Step step;
    step.op = schemaName(call.schema);
    Tensors inputs;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string argument = i == 0 ? std::string() : call.schema.arguments().at(i).name();
        step.arguments.push_back({argument, toArgument(arguments[i], inputs, call.schema.name())});
    }
    if (precisionOf({step, inputs, {}, {}}) == Precision::AsItIs)
        return std::nullopt;
    return evaluate(step, inputs, nullptr);
}

void OperatorRecorder::runUnrecorded(const OperatorCall& call, const std::string& name, c10::Stack& stack) {
    const Tensors inputs = tensorsOf(stack);
    if (const auto results = evaluateConstant(call, name, stack)) {
        stack.assign(results->begin(), results->end());
        return;
    }
    call.run(stack);
    // A view of a parameter keeps the parameter's name.
    if (!movesValues(name) || inputs.empty())
        return;
    const std::string parameter = m_aliases.nameOf(inputs[0]);
    if (parameter.empty())
        return;
    for (const at::Tensor& result : tensorsOf(stack))
        m_aliases.setName(result, parameter);
}

void OperatorRecorder::runInPlace(const OperatorCall& call, const std::string& name, c10::Stack& stack,
                                  OperatorScope& scope, const std::vector<std::size_t>& written) {
    const bool live =
        std::ranges::any_of(tensorsOf(stack), [this](const at::Tensor& t) { return m_aliases.isLive(t); });
    Tensors targets;
    for (const std::size_t place : written) {
        targets.push_back(stack[place].toTensor());
        if (!m_beforeWrite)
            continue;
        m_beforeWrite(targets.back());
        for (const at::Tensor& twin : m_aliases.twinsOf(targets.back()))
            m_beforeWrite(twin);
    }
    if (!live) {
        for (const at::Tensor& target : targets)
            m_aliases.prepareWrite(target);
        const auto results = evaluateConstant(call, name, stack);
        if (!results || results->size() != targets.size()) {
            call.run(stack);
            return;
        }
        for (std::size_t i = 0; i < targets.size(); ++i)
            targets[i].copy_((*results)[i]);
        stack.assign(targets.begin(), targets.end());
        return;
    }
    const std::vector<Value> values = record(call, name, stack, scope);
    if (values.size() != targets.size())
        throw Error(scope.path, call.schema.name() + " writes to tensors that it does not return",
                    "write to the tensors one by one");
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (m_builder.tensor(values[i]).sizes() != targets[i].sizes())
            throw Error(scope.path, call.schema.name() + " writes to a tensor of another shape",
                        "give it a tensor of the result's shape");
    }
    for (std::size_t i = 0; i < targets.size(); ++i) {
        m_aliases.prepareWrite(targets[i]);
        targets[i].copy_(m_builder.tensor(values[i]));
        m_aliases.write(targets[i], values[i]);
    }
    stack.assign(targets.begin(), targets.end());
}

void OperatorRecorder::runRecorded(const OperatorCall& call, const std::string& name, c10::Stack& stack,
                                   OperatorScope& scope) {
    if (name == "as_strided") { // a view in an arbitrary layout: its value is read from memory when it is used
        call.run(stack);
        return;
    }
    const c10::Stack arguments = stack;
    const bool runs = mayReturnViews(call.schema, name) || !returnsTensorsAlone(call.schema);
    if (runs) {
        call.run(stack);
        for (at::IValue& result : stack) {
            // No layout describes a lazy conjugate, so it is computed into memory of its own.
            if (result.isTensor() && result.toTensor().defined())
                result = result.toTensor().resolve_conj().resolve_neg();
        }
        const Tensors inputs = tensorsOf(arguments), outputs = tensorsOf(stack);
        // An operator that returns its own input (`contiguous` of a contiguous tensor) is not a step.
        const auto isInput = [&](const at::Tensor& output) {
            return std::ranges::any_of(inputs, [&](const at::Tensor& input) { return input.is_same(output); });
        };
        if (outputs.empty() || std::ranges::all_of(outputs, isInput))
            return;
    }
    const std::vector<Value> values = record(call, name, arguments, scope);
    if (!runs) {
        stack.clear();
        for (const Value value : values) {
            // An alias, because the model may change the tensor's shape in place.
            const at::Tensor& tensor = m_builder.tensor(value);
            stack.emplace_back(tensor.defined() ? tensor.alias() : tensor);
        }
    }
    const Tensors outputs = tensorsOf(stack);
    std::size_t next = 0;
    for (const Value value : values) {
        if (!m_builder.tensor(value).defined()) // a fused kernel's result that was not asked for
            continue;
        const at::Tensor& output = outputs.at(next++);
        // A view of memory without recorded values stays a view of constants, as a part of a table is.
        const auto isView = [&output](const at::Tensor& input) { return input.is_alias_of(output); };
        if (m_aliases.isLive(output) || std::ranges::none_of(tensorsOf(arguments), isView))
            m_aliases.bind(output, value);
    }
}

Operands OperatorRecorder::operandsOf(const OperatorCall& call, const c10::Stack& arguments) {
    Operands operands;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        operands.push_back(operandOf(arguments[i], call.schema.name(), m_aliases));
        // The first argument needs no name.
        if (i > 0 && i < call.schema.arguments().size())
            operands.back().name = call.schema.arguments()[i].name();
    }
    return operands;
}

std::vector<Value> OperatorRecorder::record(const OperatorCall& call, const std::string& name,
                                            const c10::Stack& arguments, OperatorScope& scope) {
    Hint hint{name, {}};
    for (const at::IValue& argument : arguments)
        hint.arguments.push_back(argument.isTensor() ? at::IValue(at::Tensor()) : argument);
    m_hints.push_back(std::move(hint));

    const std::string op = schemaName(call.schema);
    const Operands operands = operandsOf(call, arguments);
    if (isLayerOperator(name)) {
        const std::vector<Value> layered = recordLayer(op, operands, name, arguments, scope);
        if (!layered.empty())
            return layered;
    }
    if (name == "batch_norm" && !m_folded.empty()) {
        OperatorScope trial = scope;
        const std::string path = m_paths.next(name, trial);
        if (m_folded.contains(path)) {
            scope = trial;
            return foldBatchNorm(path, op, operands, arguments);
        }
    }
    m_builder.setLayer({});
    if (movesValues(name))
        return m_builder.apply(op, operands);
    return recordOperatorLayer(op, operands, name, arguments, scope);
}

std::vector<Value> OperatorRecorder::recordOperatorLayer(const std::string& op, const Operands& operands,
                                                         const std::string& name, const c10::Stack& arguments,
                                                         OperatorScope& scope) {
    std::vector<OperatorLayer::Input> inputs;
    const bool divides = name == "div" || name == "true_divide" || name == "divide";
    const bool inverts = name == "rsqrt" || name == "reciprocal";
    for (const at::Tensor& tensor : tensorsOf(arguments)) {
        OperatorLayer::Input input;
        input.value = m_aliases.read(tensor);
        input.quantized = tensor.scalar_type() == at::kFloat && tensor.dim() > 0;
        input.parameter = m_aliases.nameOf(tensor);
        input.divisor = (divides && inputs.size() == 1) || input.parameter == "running_var" || inverts;
        inputs.push_back(std::move(input));
    }
    // In a file, the types of FIXED_POINT.md, section 8, have the members of FxPyTorch's classes; this layer has others
    // and gets another type.
    const bool isOther = name == "linear" || name == "conv2d" || name == "layer_norm";
    OperatorLayer layer(isOther ? name + "_operator" : name, m_paths.next(name, scope));
    return layer.forward(inputs, op, operands, m_builder, operatorProduct(name, arguments));
}

std::vector<Value> OperatorRecorder::foldBatchNorm(const std::string& path, const std::string& op,
                                                   const Operands& operands, const c10::Stack& arguments) {
    const auto tensor = [&](std::size_t i) {
        return arguments.at(i).isTensor() ? arguments[i].toTensor() : at::Tensor();
    };
    const auto begin = m_builder.mark();
    const at::Tensor expected = m_builder.tensor(m_builder.call(op, operands));
    m_builder.erase(begin, m_builder.mark());
    // aten::batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled)
    const Value folded = m_builder.foldInto(valueOf(tensor(0)),
                                            {tensor(1), tensor(2), tensor(3), tensor(4), arguments.at(7).toDouble()});
    if (!folded.defined() || !agrees(m_builder.tensor(folded), expected))
        throw Error(path, "the batch norm cannot be folded into the layer before it", "leave it as it is");
    return {folded};
}

std::vector<Value> OperatorRecorder::recordLayer(const std::string& op, const Operands& operands,
                                                 const std::string& name, const c10::Stack& arguments,
                                                 OperatorScope& scope) {
    OperatorScope trial = scope;
    const std::string path = m_paths.next(name, trial, true);
    const auto begin = m_builder.mark();
    m_builder.setLayer(path);
    const std::vector<Value> expected = m_builder.apply(op, operands);
    const auto end = m_builder.mark();
    const Candidate candidate{[&](Builder& run) {
        return recordLayerOperator(
                   name, arguments, path, [this](const at::Tensor& tensor) { return valueOf(tensor); }, run)
            .value_or(std::vector<Value>{});
    }};
    const std::vector<Value> got = m_recognition.replace(path, begin, end, expected, {candidate});
    if (got.empty())
        m_builder.erase(begin, end);
    else
        scope = trial;
    return got;
}

at::IValue OperatorRecorder::withLayerResults(const at::IValue& result, const std::vector<Value>& values,
                                              std::size_t known) {
    std::size_t next = 0;
    const std::function<at::IValue(const at::IValue&)> replaced = [&](const at::IValue& value) -> at::IValue {
        if (value.isTensor() && value.toTensor().defined()) {
            const Value own = values.at(next++);
            if (m_aliases.knows(value.toTensor(), known))
                return m_aliases.bindTwin(value.toTensor(), own);
            const at::Tensor& tensor = m_builder.tensor(own);
            at::Tensor fresh = m_aliases.knows(tensor) ? tensor.clone() : tensor.alias();
            m_aliases.bind(fresh, own);
            return fresh;
        }
        if (!value.isTuple())
            return value;
        std::vector<at::IValue> elements;
        for (const at::IValue& element : value.toTupleRef().elements())
            elements.push_back(replaced(element));
        return c10::ivalue::Tuple::create(std::move(elements));
    };
    return replaced(result);
}

} // namespace fxp::quant
