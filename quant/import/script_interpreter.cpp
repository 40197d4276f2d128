#include "quant/import/script_interpreter.h"

#include "quant/core/error.h"
#include "quant/import/allowed_operators.h"
#include "quant/import/class_names.h"
#include "quant/import/half.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>

namespace fxp::quant {

namespace jit = torch::jit;

namespace {

constexpr int kMaxDepth = 200;

/// Whether the name is that of a forward method: `forward`; `forward1`, `forward2`, … in a module that a trace called
/// more than once; `forward__0` for an overloaded one.
bool isForward(const std::string& method) {
    return method.starts_with("forward") && method.find_first_not_of("_0123456789", 7) == std::string::npos;
}

/// A constant of half precision as float32, because every model runs in float32.
at::IValue inFloat(const at::IValue& value) {
    if (!value.isTensor() || !isHalf(value.toTensor().scalar_type()))
        return value;
    return value.toTensor().to(at::kFloat);
}

/// Arguments that ask for half precision ask for float32 instead.
void asFloat(const c10::FunctionSchema& schema, c10::Stack& stack) {
    for (std::size_t i = 0; i < schema.arguments().size() && i < stack.size(); ++i) {
        if (schema.arguments()[i].name() == "dtype" && stack[i].isInt() &&
            isHalf(static_cast<at::ScalarType>(stack[i].toInt())))
            stack[i] = static_cast<std::int64_t>(at::kFloat);
    }
}

/// Whether an operator that exists only in TorchScript goes from a tensor to a tensor; the others handle lists and
/// numbers.
bool isTensorFunction(const c10::FunctionSchema& schema) {
    const auto isTensor = [](const c10::Argument& argument) {
        return argument.type()->kind() == c10::TypeKind::TensorType;
    };
    return !schema.arguments().empty() && isTensor(schema.arguments()[0]) && !schema.returns().empty() &&
           isTensor(schema.returns()[0]);
}

} // namespace

ScriptInterpreter::ScriptInterpreter(jit::Module root, OperatorRecorder& recorder, ModuleRecognizer& modules,
                                     StepBudget& budget)
    : m_root(std::move(root)), m_recorder(recorder), m_modules(modules), m_budget(budget) {
    for (const auto& module : m_root.named_modules())
        m_paths.try_emplace(module.value._ivalue().get(), module.name);
}

at::IValue ScriptInterpreter::run(const std::string& method, std::vector<at::IValue> arguments) {
    arguments.insert(arguments.begin(), at::IValue(m_root._ivalue()));
    OperatorScope operators;
    return call(m_root.get_method(method).function(), std::move(arguments), {m_root._ivalue().get(), &operators, {}});
}

at::IValue ScriptInterpreter::call(jit::Function& function, Stack arguments, const Scope& scope) {
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

at::IValue ScriptInterpreter::callMethod(const jit::Node& node, Stack arguments, const Scope& scope) {
    const auto object = arguments[0].toObject();
    const std::string& name = node.s(c10::attr::name);
    jit::Function& function = object->type()->getMethod(name);
    const auto path = m_paths.find(object.get());
    if (isForward(name) && path != m_paths.end() && object.get() != scope.self)
        return callModule(path->second, function, std::move(arguments), callSourceOf(node, scope));
    if (path == m_paths.end() || object.get() == scope.self)
        return call(function, std::move(arguments), {object.get(), scope.operators, callSourceOf(node, scope)});
    OperatorScope operators{path->second, isForward(name) ? std::string() : name, false, false, {}};
    return call(function, std::move(arguments), {object.get(), &operators, callSourceOf(node, scope)});
}

at::IValue ScriptInterpreter::callModule(const std::string& path, jit::Function& function, Stack arguments,
                                         std::string source) {
    const auto object = arguments[0].toObject();
    const jit::Module module(object);
    const std::string className = plainClassName(object->type()->name()->qualifiedName());
    const bool isLeaf = className.starts_with("torch.nn.") && module.children().size() == 0;
    OperatorScope operators{path, {}, isLeaf, false, {}};
    const auto run = [&] { return call(function, arguments, {object.get(), &operators, source}); };
    if (!ModuleRecognizer::isKnown(className))
        return run();

    ModuleCall call;
    call.path = path;
    call.className = className.substr(className.rfind('.') + 1);
    for (std::size_t i = 1; i < arguments.size(); ++i)
        call.arguments.push_back({function.getSchema().arguments()[i].name(), arguments[i], {}});
    for (const auto& named : module.named_attributes(true)) {
        if (named.value.isTensor() && named.value.toTensor().defined())
            call.parameters.emplace(named.name, named.value.toTensor());
        else if (!named.value.isObject())
            call.attributes.emplace(named.name, named.value);
    }
    const std::size_t stateBefore = m_state.size();
    return m_modules.run(std::move(call), operators, [&] {
        return ModuleRecognizer::Run{run(), m_state.size() != stateBefore};
    });
}

std::string ScriptInterpreter::sourceOf(const jit::Node& node, const Scope& scope) {
    const auto [place, fresh] = m_lines.try_emplace(&node);
    if (fresh)
        place->second = sourceLineOf(node);
    const SourceLine& line = place->second;
    return !scope.source.empty() && (line.isLibrary || line.text.empty()) ? scope.source : line.text;
}

std::string ScriptInterpreter::callSourceOf(const jit::Node& node, const Scope& scope) {
    const std::string source = sourceOf(node, scope);
    return source == scope.source || !m_lines.at(&node).isLibrary ? source : std::string();
}

void ScriptInterpreter::runBlock(const jit::Block& block, Environment& values, const Scope& scope) {
    for (const jit::Node* node : block.nodes())
        runNode(*node, values, scope);
}

std::size_t ScriptInterpreter::slotOf(const c10::ClassType& type, const std::string& name) {
    auto& slots = m_slots[&type];
    if (slots.empty()) {
        for (std::size_t i = 0; i < type.numAttributes(); ++i)
            slots.emplace(type.getAttributeName(i), i);
    }
    return slots.at(name);
}

at::IValue ScriptInterpreter::attribute(const at::IValue& object, const std::string& name) {
    const auto instance = object.toObject();
    const auto written = m_state.find({instance.get(), name});
    if (written != m_state.end())
        return written->second;
    at::IValue value = instance->getSlot(slotOf(*instance->type(), name));
    if (value.isList() || value.isGenericDict()) {
        // A copy for this run only: the model may append to it.
        const auto [place, fresh] = m_containers.try_emplace({instance.get(), name});
        if (fresh)
            place->second = value.deepcopy();
        return place->second;
    }
    if (value.isTensor())
        m_recorder.aliases().setName(value.toTensor(), name);
    return value;
}

void ScriptInterpreter::runNode(const jit::Node& node, Environment& values, const Scope& scope) {
    m_budget.step(scope.operators->path);
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
            values[node.output()] = inFloat(jit::toIValue(node.output()).value_or(at::IValue()));
        return;
    case c10::prim::GetAttr: values[node.output()] = attribute(in(0), node.s(c10::attr::name)); return;
    case c10::prim::SetAttr:
        m_kept.push_back(in(0));
        m_state[{in(0).toObject().get(), node.s(c10::attr::name)}] = in(1);
        return;
    case c10::prim::CallMethod: values[node.output()] = callMethod(node, gather(0), scope); return;
    case c10::prim::CallFunction: {
        jit::Function& function = *node.input(0)->type()->expectRef<c10::FunctionType>().function();
        values[node.output()] = call(function, gather(1), {scope.self, scope.operators, callSourceOf(node, scope)});
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
    if (!isLeftOut(node.kind()) && !runConstruct(node, values))
        runOperator(node, values, scope);
}

void ScriptInterpreter::runLoop(const jit::Node& node, Environment& values, const Scope& scope) {
    const std::int64_t trips = values.at(node.input(0)).toInt();
    bool again = values.at(node.input(1)).toBool();
    const jit::Block& body = *node.blocks()[0];
    const std::string source = sourceOf(node, scope);
    const StepBudget::Loop loop(m_budget, source.empty() ? "in " + scope.operators->path : "at " + source);
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
    const auto gather = [&] {
        Stack inputs;
        for (const jit::Value* input : node.inputs())
            inputs.push_back(values.at(input));
        return inputs;
    };
    switch (node.kind()) {
    case c10::prim::ListConstruct: {
        auto list = c10::impl::GenericList(node.output()->type()->expectRef<c10::ListType>().getElementType());
        for (const at::IValue& value : gather())
            list.push_back(value);
        values[node.output()] = list;
        return true;
    }
    case c10::prim::TupleConstruct: values[node.output()] = c10::ivalue::Tuple::create(gather()); return true;
    case c10::prim::DictConstruct: {
        const auto& type = node.output()->type()->expectRef<c10::DictType>();
        c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
        for (std::size_t i = 0; i + 1 < node.inputs().size(); i += 2)
            dict.insert_or_assign(in(i), in(i + 1));
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

void ScriptInterpreter::runOperator(const jit::Node& node, Environment& values, const Scope& scope) {
    Stack stack;
    for (const jit::Value* input : node.inputs())
        stack.push_back(values.at(input));
    if (node.maybeSchema() && node.schema().is_vararg())
        // Such operators read the number of their arguments from the stack.
        stack.emplace_back(static_cast<std::int64_t>(node.inputs().size()));
    try {
        const jit::Operator& known = node.getOperator();
        asFloat(node.schema(), stack);
        jit::Operation operation = node.getOperation();
        const OperatorCall call{node.schema(), [&operation](c10::Stack& arguments) { operation(arguments); },
                                known.isC10Op() || isTensorFunction(node.schema()), sourceOf(node, scope)};
        m_recorder.run(call, stack, *scope.operators);
        m_budget.results(scope.operators->path, stack, node.schema().is_mutable(), m_recorder.aliases());
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
