#include "quant/import/script_interpreter.h"

#include "quant/core/error.h"
#include "quant/import/known_modules.h"
#include "quant/import/proof.h"
#include "quant/import/torchscript.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <limits>

namespace fxp::quant {

namespace jit = torch::jit;

namespace {

constexpr int kMaxDepth = 200;

/// Fused kernels give an undefined tensor for a result that was not asked for.
bool hasTensor(const at::IValue& value) {
    return value.isTensor() && value.toTensor().defined();
}

/// The tensors of a module's result, in order; absent for anything but a tensor or a tuple of tensors and None.
std::optional<Tensors> resultTensors(const at::IValue& result) {
    if (result.isTensor())
        return Tensors{result.toTensor()};
    if (!result.isTuple())
        return std::nullopt;
    Tensors tensors;
    for (const at::IValue& element : result.toTupleRef().elements()) {
        if (hasTensor(element))
            tensors.push_back(element.toTensor());
        else if (!element.isNone() && !element.isTensor())
            return std::nullopt;
    }
    return tensors;
}

/// A copy of the result with other tensors in it.
at::IValue withResults(const at::IValue& result, const Tensors& tensors) {
    if (result.isTensor())
        return tensors[0];
    std::vector<at::IValue> elements;
    std::size_t next = 0;
    for (const at::IValue& element : result.toTupleRef().elements())
        elements.push_back(hasTensor(element) ? at::IValue(tensors[next++]) : element);
    return c10::ivalue::Tuple::create(std::move(elements));
}

/// `forward`; `forward1`, `forward2`, … of a module that a trace called more than once; `forward__0` of an overloaded
/// one.
bool isForward(const std::string& method) {
    return method.starts_with("forward") && method.find_first_not_of("_0123456789", 7) == std::string::npos;
}

std::string lastPart(const std::string& className) {
    return className.substr(className.rfind('.') + 1);
}

} // namespace

ScriptInterpreter::ScriptInterpreter(jit::Module root, OperatorRecorder& recorder, ModuleNotes& notes)
    : m_root(std::move(root)), m_recorder(recorder), m_notes(notes) {
    for (const auto& module : m_root.named_modules())
        m_paths.try_emplace(module.value._ivalue().get(), module.name);
}

at::IValue ScriptInterpreter::run(std::vector<at::IValue> arguments) {
    arguments.insert(arguments.begin(), at::IValue(m_root._ivalue()));
    OperatorScope operators;
    return call(m_root.get_method("forward").function(), std::move(arguments), {m_root._ivalue().get(), &operators});
}

at::IValue ScriptInterpreter::call(jit::Function& function, Stack arguments, Scope scope) {
    if (m_depth >= kMaxDepth)
        throw Error(scope.operators->path, "calls are nested more than 200 deep", "the model is recursive or hostile");
    ++m_depth;
    const auto graph = jit::toGraphFunction(function).graph();
    Environment values;
    for (std::size_t i = 0; i < graph->inputs().size(); ++i)
        values[graph->inputs()[i]] = arguments.at(i);
    runBlock(*graph->block(), values, scope);
    --m_depth;
    return values.at(graph->outputs()[0]);
}

at::IValue ScriptInterpreter::callMethod(const jit::Node& node, Stack arguments, Scope scope) {
    const auto object = arguments[0].toObject();
    const std::string& name = node.s(c10::attr::name);
    jit::Function& function = object->type()->getMethod(name);
    const auto path = m_paths.find(object.get());
    if (isForward(name) && path != m_paths.end() && object.get() != scope.self)
        return callModule(path->second, function, arguments);
    if (path == m_paths.end() || object.get() == scope.self)
        return call(function, std::move(arguments), {object.get(), scope.operators});
    OperatorScope operators{path->second, false, false, {}};
    return call(function, std::move(arguments), {object.get(), &operators});
}

at::IValue ScriptInterpreter::callModule(const std::string& path, jit::Function& function, const Stack& arguments) {
    const auto object = arguments[0].toObject();
    const jit::Module module(object);
    const std::string className = plainClassName(object->type()->name()->qualifiedName());
    const bool isLeaf = className.starts_with("torch.nn.") && module.children().size() == 0;
    OperatorScope operators{path, isLeaf, false, {}};

    ModuleCall hypothesis;
    hypothesis.path = path;
    hypothesis.className = lastPart(className);
    const bool known = className.starts_with("torch.nn.") && isKnownClass(hypothesis.className);
    if (!known)
        return call(function, arguments, {object.get(), &operators});

    Builder& builder = m_recorder.builder();
    const auto begin = builder.mark();
    const std::size_t firstHint = m_recorder.hints().size();
    const std::size_t stateBefore = m_state.size();
    for (std::size_t i = 1; i < arguments.size(); ++i)
        hypothesis.arguments.push_back({function.getSchema().arguments()[i].name(), arguments[i]});
    for (const auto& named : module.named_attributes(true)) {
        if (named.value.isTensor() && named.value.toTensor().defined())
            hypothesis.parameters.emplace(named.name, named.value.toTensor());
        else if (!named.value.isObject())
            hypothesis.attributes.emplace(named.name, named.value);
    }
    std::vector<Value> inputs;
    for (const auto& argument : hypothesis.arguments)
        inputs.push_back(argument.value.isTensor() ? m_recorder.valueOf(argument.value.toTensor()) : Value{});

    hypothesis.result = call(function, arguments, {object.get(), &operators});
    hypothesis.hints = std::span(m_recorder.hints()).subspan(firstHint);
    const auto expected = resultTensors(hypothesis.result);
    const auto end = builder.mark();
    const bool wrote = m_state.size() != stateBefore;
    for (std::size_t i = 0; i < inputs.size() && !wrote; ++i) {
        const at::IValue& value = hypothesis.arguments[i].value;
        if (value.isTensor() && m_recorder.valueOf(value.toTensor()).id != inputs[i].id) {
            // Written to: later readers of the argument see the module's own operators' value, which must then stay.
            m_notes[path] = "writes to its input";
            return hypothesis.result;
        }
    }
    if (!expected || wrote)
        return hypothesis.result;

    for (const Candidate& candidate : candidates(hypothesis, m_recorder)) {
        std::vector<Value> got;
        try {
            got = candidate.run(builder);
        } catch (const std::exception&) {
            builder.erase(end, builder.mark()); // tensors that do not fit: a wrong hypothesis, and no more
            continue;
        }
        bool proven = got.size() == expected->size();
        for (std::size_t i = 0; proven && i < got.size(); ++i)
            proven = agrees(builder.tensor(got[i]), (*expected)[i]);
        if (!proven) {
            builder.erase(end, builder.mark());
            continue;
        }
        builder.erase(begin, end);
        Tensors results;
        for (const Value value : got) {
            // A tensor of its own: a dropout's result is its input, and not every reader of the one reads the other.
            results.push_back(builder.tensor(value).alias());
            m_recorder.bind(results.back(), value);
        }
        m_notes.erase(path);
        return withResults(hypothesis.result, results);
    }
    if (operators.taken) // the one operator inside is its layer
        return hypothesis.result;
    m_notes[path] = "does not compute what " + hypothesis.className + " does; runs operator by operator";
    return hypothesis.result;
}

void ScriptInterpreter::runBlock(const jit::Block& block, Environment& values, Scope scope) {
    for (const jit::Node* node : block.nodes())
        runNode(*node, values, scope);
}

at::IValue ScriptInterpreter::attribute(const at::IValue& object, const std::string& name) {
    const auto instance = object.toObject();
    const auto written = m_state.find({instance.get(), name});
    if (written != m_state.end())
        return written->second;
    at::IValue value = instance->getAttr(name);
    if (value.isTensor())
        m_recorder.bindParameter(value.toTensor(), name);
    return value;
}

void ScriptInterpreter::runNode(const jit::Node& node, Environment& values, Scope scope) {
    const auto in = [&](std::size_t i) -> const at::IValue& { return values.at(node.input(i)); };
    const auto gather = [&](std::size_t first) {
        Stack stack;
        for (std::size_t i = first; i < node.inputs().size(); ++i)
            stack.push_back(in(i));
        return stack;
    };
    switch (node.kind()) {
    case c10::prim::Constant:
        if (!node.output()->type()->cast<c10::FunctionType>())
            values[node.output()] = jit::toIValue(node.output()).value_or(at::IValue());
        return;
    case c10::prim::GetAttr: values[node.output()] = attribute(in(0), node.s(c10::attr::name)); return;
    case c10::prim::SetAttr:
        m_kept.push_back(in(0));
        m_state[{in(0).toObject().get(), node.s(c10::attr::name)}] = in(1);
        return;
    case c10::prim::CallMethod: values[node.output()] = callMethod(node, gather(0), scope); return;
    case c10::prim::CallFunction: {
        jit::Function& function = *node.input(0)->type()->expectRef<c10::FunctionType>().function();
        values[node.output()] = call(function, gather(1), scope);
        return;
    }
    case c10::prim::If: {
        const jit::Block& taken = *node.blocks()[in(0).toBool() ? 0 : 1];
        runBlock(taken, values, scope);
        for (std::size_t i = 0; i < node.outputs().size(); ++i)
            values[node.output(i)] = values.at(taken.outputs()[i]);
        return;
    }
    case c10::prim::Loop: runLoop(node, values, scope); return;
    case c10::prim::RaiseException:
        throw Error(scope.operators->path, "the model says: " + in(0).toStringRef(),
                    "give inputs of the shape and kind that it was made for");
    default: break;
    }
    if (!runConstruct(node, values))
        runOperator(node, values, scope);
}

void ScriptInterpreter::runLoop(const jit::Node& node, Environment& values, Scope scope) {
    const std::int64_t trips = values.at(node.input(0)).toInt();
    bool again = values.at(node.input(1)).toBool();
    const jit::Block& body = *node.blocks()[0];
    Stack carried;
    for (std::size_t i = 2; i < node.inputs().size(); ++i)
        carried.push_back(values.at(node.input(i)));
    for (std::int64_t trip = 0; again && trip < trips; ++trip) {
        values[body.inputs()[0]] = trip;
        for (std::size_t i = 0; i < carried.size(); ++i)
            values[body.inputs()[i + 1]] = carried[i];
        runBlock(body, values, scope);
        again = values.at(body.outputs()[0]).toBool();
        for (std::size_t i = 0; i < carried.size(); ++i)
            carried[i] = values.at(body.outputs()[i + 1]);
    }
    for (std::size_t i = 0; i < carried.size(); ++i)
        values[node.output(i)] = carried[i];
}

bool ScriptInterpreter::runConstruct(const jit::Node& node, Environment& values) {
    const auto in = [&](std::size_t i) -> const at::IValue& { return values.at(node.input(i)); };
    Stack inputs;
    for (const jit::Value* input : node.inputs())
        inputs.push_back(values.at(input));
    switch (node.kind()) {
    case c10::prim::ListConstruct: {
        auto list = c10::impl::GenericList(node.output()->type()->expectRef<c10::ListType>().getElementType());
        for (const at::IValue& value : inputs)
            list.push_back(value);
        values[node.output()] = list;
        return true;
    }
    case c10::prim::TupleConstruct: values[node.output()] = c10::ivalue::Tuple::create(std::move(inputs)); return true;
    case c10::prim::DictConstruct: {
        const auto& type = node.output()->type()->expectRef<c10::DictType>();
        c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
        for (std::size_t i = 0; i + 1 < inputs.size(); i += 2)
            dict.insert_or_assign(inputs[i], inputs[i + 1]);
        values[node.output()] = dict;
        return true;
    }
    case c10::prim::ListUnpack: {
        const auto elements = in(0).toListRef().vec();
        if (elements.size() != node.outputs().size())
            throw Error("",
                        "a list of " + std::to_string(elements.size()) + " is unpacked into " +
                            std::to_string(node.outputs().size()),
                        "the inputs may have the wrong shape");
        for (std::size_t i = 0; i < elements.size(); ++i)
            values[node.output(i)] = elements[i];
        return true;
    }
    case c10::prim::TupleUnpack:
        for (std::size_t i = 0; i < node.outputs().size(); ++i)
            values[node.output(i)] = in(0).toTupleRef().elements()[i];
        return true;
    case c10::prim::CreateObject: {
        const auto type = node.output()->type()->expect<c10::ClassType>();
        values[node.output()] = c10::ivalue::Object::create(
            c10::StrongTypePtr(m_root._ivalue()->compilation_unit(), type), type->numAttributes());
        return true;
    }
    case c10::prim::Enter:
    case c10::prim::Exit: // no_grad and the like: a run never records gradients
        values[node.output()] = at::IValue();
        return true;
    case c10::prim::unchecked_cast: values[node.output()] = in(0); return true;
    case c10::prim::Uninitialized: values[node.output()] = at::IValue(); return true;
    case c10::prim::isinstance: {
        const auto& types = node.tys(c10::attr::types);
        const auto actual = in(0).type();
        values[node.output()] =
            std::ranges::any_of(types, [&](const c10::TypePtr& type) { return actual->isSubtypeOf(*type); });
        return true;
    }
    default: return false;
    }
}

void ScriptInterpreter::runOperator(const jit::Node& node, Environment& values, Scope scope) {
    Stack stack;
    for (const jit::Value* input : node.inputs())
        stack.push_back(values.at(input));
    if (node.maybeSchema() && node.schema().is_vararg())
        stack.emplace_back(static_cast<std::int64_t>(node.inputs().size())); // how the interpreter calls such operators
    try {
        // Shared: the recorded step outlives this call, and an Operation may be called but not through a const one.
        const auto operation = std::make_shared<jit::Operation>(node.getOperation());
        m_recorder.run(
            node.schema(), [operation](c10::Stack& arguments) { (*operation)(arguments); }, stack, *scope.operators);
    } catch (const Error& error) {
        throw error.where.empty() || error.where.starts_with("aten::")
            ? Error(scope.operators->path, (error.where.empty() ? "" : error.where + ": ") + error.problem, error.hint)
            : error;
    } catch (const c10::Error& error) {
        throw Error(scope.operators->path,
                    std::string(node.kind().toQualString()) + ": " + error.what_without_backtrace(),
                    "check the inputs' shapes and types");
    }
    for (std::size_t i = 0; i < node.outputs().size(); ++i)
        values[node.output(i)] = stack.at(stack.size() - node.outputs().size() + i);
}

} // namespace fxp::quant
