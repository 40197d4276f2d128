#include "quant/import/export_interpreter.h"

#include "quant/core/error.h"
#include "quant/import/allowed_operators.h"
#include "quant/import/export_arguments.h"
#include "quant/import/exported_operators.h"
#include "quant/import/python_numbers.h"
#include "quant/ops/agreement.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/function_schema.h>

#include <algorithm>

namespace fxp::quant {

namespace {

constexpr int kMaxDepth = 64;

using Kind = ExportedArgument::Kind;

const std::string kOperators = "torch.ops.", kHigher = "torch.ops.higher_order.";

/// `torch.ops.aten.conv2d.default` → `aten::conv2d`; `torch.ops.aten.add.Tensor` → `aten::add.Tensor`.
std::string schemaNameOf(const std::string& target) {
    if (!target.starts_with(kOperators))
        return target;
    const std::string name = target.substr(kOperators.size());
    const std::size_t space = name.find('.'), overload = name.find('.', space + 1);
    if (space == std::string::npos || overload == std::string::npos)
        return target;
    const std::string last = name.substr(overload + 1);
    return name.substr(0, space) + "::" + name.substr(space + 1, overload - space - 1) +
           (last == "default" ? std::string() : "." + last);
}

/// What an export says of sizes and values for the compiler alone.
bool isAssertion(const std::string& name) {
    return name.starts_with("aten::_assert") || name.starts_with("aten::sym_constrain_range") ||
           name.starts_with("aten::_functional_assert") || name.starts_with("aten::_functional_sym_constrain");
}

/// `aten::sym_size.int` → `size`; empty for what does not read a size.
std::string sizeRead(const std::string& name) {
    for (const char* kind : {"size", "stride", "numel", "storage_offset"}) {
        const std::string own = std::string("aten::sym_") + kind;
        if (name == own || name.starts_with(own + "."))
            return kind;
    }
    return {};
}

bool isNumberFunction(const std::string& target) {
    return target.starts_with("_operator.") || target.starts_with("math.") || target.starts_with("builtins.") ||
           target.starts_with("torch.sym_") || target.starts_with("torch._sym_") || target.starts_with("torch.fx.");
}

bool isBranch(const std::string& target) {
    return target == kHigher + "cond" || target == kHigher + "while_loop" ||
           target == kHigher + "wrap_with_set_grad_enabled" || target == kHigher + "wrap_with_autocast";
}

bool isKnown(const std::string& target) {
    const std::string name = schemaNameOf(target);
    return isNumberFunction(target) || isBranch(target) || isAssertion(name) || !sizeRead(name).empty() ||
           exportedOperator(target) != nullptr;
}

void collectMissing(const ExportedGraph& graph, int depth, std::vector<std::string>& names,
                    std::vector<std::string>& found) {
    if (depth > kMaxDepth)
        return;
    for (const ExportedNode& node : graph.nodes) {
        const std::string name = schemaNameOf(node.target);
        if (!isKnown(node.target) && std::ranges::find(names, name) == names.end()) {
            names.push_back(name);
            const std::string path = node.stack.empty() ? std::string() : node.stack.back().path;
            found.push_back(path.empty() ? name : name + " (" + path + ")");
        }
        for (const auto& [key, input] : node.inputs) {
            if (input.kind == Kind::Graph)
                collectMissing(*input.graph, depth + 1, names, found);
        }
    }
}

} // namespace

const AtenOperator* exportedOperator(const std::string& target) {
    const std::string name = schemaNameOf(target);
    if (!name.starts_with("aten::"))
        return nullptr;
    const std::size_t dot = name.find('.');
    const std::string overload = dot == std::string::npos ? std::string() : name.substr(dot + 1);
    // What only TorchScript's interpreter knows is no operator of an export.
    if (!c10::Dispatcher::singleton().findSchema({name.substr(0, dot), overload}))
        return nullptr;
    const AtenOperator* found = findAten(name);
    return found && isPureOperator(*found->schema) ? found : nullptr;
}

std::vector<std::string> missingTargets(const ExportedGraph& graph) {
    std::vector<std::string> names, found;
    collectMissing(graph, 0, names, found);
    return found;
}

ExportInterpreter::ExportInterpreter(const std::map<std::string, at::Tensor>& weights,
                                     const std::set<std::string>& leaves, OperatorRecorder& recorder,
                                     ModuleRecognizer& modules, StepBudget& budget)
    : m_weights(weights), m_leaves(leaves), m_recorder(recorder), m_modules(modules), m_budget(budget) {}

at::IValue ExportInterpreter::resolve(const ExportedArgument& argument, const Values& values) {
    switch (argument.kind) {
    case Kind::Value: return argument.value;
    case Kind::Name: {
        const auto found = values.find(argument.name);
        if (found == values.end())
            throw Error(argument.name, "the graph reads a value that was not computed",
                        "give a file that is complete and was not changed");
        return found->second;
    }
    case Kind::List: {
        std::vector<at::IValue> items;
        for (const ExportedArgument& item : argument.list)
            items.push_back(resolve(item, values));
        return c10::ivalue::Tuple::create(std::move(items));
    }
    case Kind::Graph:
    case Kind::Unsupported: break;
    }
    throw Error(argument.name, "an operator has an argument of a kind that cannot be run here",
                "export the model without it");
}

void ExportInterpreter::run(const ExportedGraph& graph, const ExportedCall& root, Values& values) {
    runItems(root, {graph, values}, scopeOf(root.frame));
}

OperatorScope& ExportInterpreter::scopeOf(const ExportedFrame& frame) {
    const auto [place, fresh] = m_scopes.try_emplace(frame.key);
    if (fresh)
        place->second = {frame.path, {}, m_leaves.contains(frame.path), false, {}};
    return place->second;
}

void ExportInterpreter::runItems(const ExportedCall& call, Frame frame, OperatorScope& scope) {
    std::size_t next = call.begin;
    auto function = call.functions.begin();
    const auto runUpTo = [&](std::size_t end) {
        while (next < end) {
            const bool begins = function != call.functions.end() && function->begin == next;
            if (begins && runFunction(*function, frame, scope))
                next = function->end;
            else
                runNode(frame.graph.nodes[next++], frame, scope);
            function += begins ? 1 : 0;
        }
    };
    for (const ExportedCall& inner : call.calls) {
        runUpTo(inner.begin);
        runCall(inner, frame);
        next = inner.end;
    }
    runUpTo(call.end);
}

/// The operators that a function was decomposed into become the function's own operator, if its results agree.
bool ExportInterpreter::runFunction(const ExportedFunction& function, Frame frame, OperatorScope& scope) {
    FunctionCall call{function.name, {}, {}, {}, {}, {}};
    const auto& nodes = frame.graph.nodes;
    for (const std::string& name : function.arguments) {
        const at::IValue value = resolve({Kind::Name, {}, name, {}, {}}, frame.values);
        if (!value.isTensor())
            continue;
        const bool isLive = m_recorder.aliases().isLive(value.toTensor());
        (isLive ? call.inputs : call.constants).push_back(value.toTensor());
    }
    for (std::size_t i = function.begin; i < function.end; ++i) {
        for (const auto& [key, input] : nodes[i].inputs) {
            if (input.kind == Kind::Value && (input.value.isDouble() || input.value.isInt()))
                call.numbers.push_back(input.value.isDouble() ? input.value.toDouble()
                                                              : static_cast<double>(input.value.toInt()));
        }
        const AtenOperator* op = exportedOperator(nodes[i].target);
        if (op && !op->written.empty())
            return false;
    }
    for (auto weight = m_weights.lower_bound(scope.path + "."); weight != m_weights.end(); ++weight) {
        if (!weight->first.starts_with(scope.path + "."))
            break;
        call.parameters.emplace(weight->first.substr(scope.path.size() + 1), weight->second);
    }
    if (call.inputs.empty())
        return false;

    Builder& builder = m_recorder.builder();
    const auto begin = builder.mark();
    OperatorScope scratch{scope.path.empty() ? "decomposed" : scope.path + ".decomposed", {}, false, false, {}};
    for (std::size_t i = function.begin; i < function.end; ++i)
        runNode(nodes[i], frame, scratch);
    const auto end = builder.mark();
    std::vector<std::string> names;
    std::vector<Value> expected;
    for (const std::string& name : function.results) {
        const at::IValue& value = frame.values.at(name);
        if (!value.isTensor() || !m_recorder.aliases().isLive(value.toTensor()))
            continue;
        names.push_back(name);
        call.results.push_back(value.toTensor());
        expected.push_back(m_recorder.valueOf(value.toTensor()));
    }
    std::vector<at::Tensor> tensors; // of the candidate that was taken
    OperatorScope taken;
    std::string path;
    Candidates candidates;
    for (const FunctionCandidate& own : functionCandidates(call)) {
        candidates.push_back({[&, own](Builder& run) {
            taken = scope;
            c10::Stack stack = own.arguments;
            m_recorder.run({*own.op->schema, own.op->run, true, nodes[function.begin].source}, stack, taken);
            std::vector<at::Tensor> results;
            for (const at::IValue& value : stack)
                results.push_back(value.toTensor());
            std::vector<Value> values;
            tensors.clear();
            for (const Value wanted : expected) {
                const auto found = std::ranges::find_if(results, [&](const at::Tensor& result) {
                    return agrees(run.tensor(m_recorder.valueOf(result)), run.tensor(wanted));
                });
                if (found == results.end())
                    return std::vector<Value>{};
                tensors.push_back(*found);
                values.push_back(m_recorder.valueOf(*found));
            }
            return values;
        }});
    }
    OperatorScope trial = scope;
    path = m_recorder.paths().next(function.name, trial);
    if (expected.empty() || m_recorder.recognition().replace(path, begin, end, expected, candidates).empty()) {
        builder.erase(begin, builder.mark());
        return false;
    }
    for (std::size_t i = 0; i < names.size(); ++i)
        frame.values[names[i]] = tensors[i];
    scope = taken;
    return true;
}

void ExportInterpreter::runCall(const ExportedCall& call, Frame frame) {
    OperatorScope& scope = scopeOf(call.frame);
    if (call.isWhole && ModuleRecognizer::isKnown(call.frame.className))
        runModule(call, frame, scope);
    else
        runItems(call, frame, scope);
}

namespace {

/// The values of the call that depend on one of those.
std::set<std::string> dependents(const ExportedCall& call, const ExportedGraph& graph, std::set<std::string> on) {
    for (std::size_t i = call.begin; i < call.end; ++i) {
        bool depends = false;
        for (const auto& [key, input] : graph.nodes[i].inputs)
            forEachName(input, [&](const std::string& name) { depends = depends || on.contains(name); });
        for (const ExportedArgument& output : graph.nodes[i].outputs) {
            forEachName(output, [&](const std::string& name) {
                if (depends)
                    on.insert(name);
            });
        }
    }
    return on;
}

/// The call's results in the order in which its module gives them, which need not be that in which they arise:
/// attention gives what its last layer computed before the weights, a cell of an LSTM h, which depends on c, before c.
std::vector<std::string> orderedResults(const ExportedCall& call, const ExportedGraph& graph,
                                        const std::string& lastParameter) {
    std::vector<std::string> results = call.results;
    if (results.size() != 2)
        return results;
    const bool swapped = lastParameter.empty() ? dependents(call, graph, {results[0]}).contains(results[1])
                                               : !dependents(call, graph, {lastParameter}).contains(results[0]);
    if (swapped)
        std::swap(results[0], results[1]);
    return results;
}

} // namespace

void ExportInterpreter::runModule(const ExportedCall& call, Frame frame, OperatorScope& scope) {
    ModuleCall module;
    module.path = call.frame.path;
    module.className = call.frame.className.substr(call.frame.className.rfind('.') + 1);
    const std::string prefix = call.frame.path + ".";
    for (auto weight = m_weights.lower_bound(prefix); weight != m_weights.end() && weight->first.starts_with(prefix);
         ++weight)
        module.parameters.emplace(weight->first.substr(prefix.size()), weight->second);
    std::set<const void*> own;
    for (const auto& [name, tensor] : module.parameters)
        own.insert(tensor.unsafeGetTensorImpl());
    const bool isAttention = module.className == "MultiheadAttention";
    const auto last = isAttention ? module.parameters.find("out_proj.weight") : module.parameters.end();
    std::string lastParameter;
    for (const std::string& name : call.arguments) {
        const at::IValue value = resolve({Kind::Name, {}, name, {}, {}}, frame.values);
        if (value.isTensor() && !own.contains(value.toTensor().unsafeGetTensorImpl()))
            module.arguments.push_back({name, value, {}});
        if (value.isTensor() && last != module.parameters.end() && value.toTensor().is_same(last->second))
            lastParameter = name;
    }
    const bool isOrdered = isAttention ? lastParameter.empty() : module.className != "LSTMCell";
    const std::vector<std::string> given = isOrdered ? call.results : orderedResults(call, frame.graph, lastParameter);
    std::vector<std::string> results; // that depend on the inputs
    const at::IValue result = m_modules.run(std::move(module), scope, [&] {
        runItems(call, frame, scope);
        std::vector<at::IValue> values;
        for (const std::string& name : given) {
            const at::IValue& value = frame.values.at(name);
            if (!value.isTensor() || !m_recorder.aliases().isLive(value.toTensor()))
                continue;
            results.push_back(name);
            values.push_back(value);
        }
        return ModuleRecognizer::Run{values.size() == 1 ? values[0] : c10::ivalue::Tuple::create(values), false};
    });
    if (results.size() == 1) {
        frame.values[results[0]] = result;
        return;
    }
    for (std::size_t i = 0; i < results.size(); ++i)
        frame.values[results[i]] = result.toTupleRef().elements().at(i);
}

at::IValue ExportInterpreter::size(const ExportedNode& node, const std::string& kind, Frame frame) const {
    const auto input = [&](std::size_t i) { return resolve(node.inputs.at(i).second, frame.values); };
    const at::Tensor tensor = input(0).toTensor();
    if (kind == "numel")
        return tensor.numel();
    if (kind == "storage_offset")
        return tensor.storage_offset();
    if (node.inputs.size() < 2)
        return kind == "size" ? tensor.sizes().vec() : tensor.strides().vec();
    return kind == "size" ? tensor.size(input(1).toInt()) : tensor.stride(input(1).toInt());
}

void ExportInterpreter::assign(const ExportedNode& node, const std::vector<at::IValue>& results, Values& values) {
    const std::function<void(const ExportedArgument&, const at::IValue&)> bind = [&](const ExportedArgument& target,
                                                                                     const at::IValue& value) {
        if (target.kind == Kind::Name)
            values[target.name] = value;
        if (target.kind != Kind::List)
            return;
        const auto items = value.isTuple()  ? value.toTupleRef().elements().vec()
                           : value.isList() ? value.toListRef().vec()
                                            : std::vector<at::IValue>{value};
        if (items.size() != target.list.size())
            throw Error(node.target,
                        "gives " + std::to_string(items.size()) + " results where the graph has " +
                            std::to_string(target.list.size()),
                        "give inputs of the shape that the model was exported for");
        for (std::size_t i = 0; i < items.size(); ++i)
            bind(target.list[i], items[i]);
    };
    if (node.outputs.size() == 1 && results.size() == 1) {
        bind(node.outputs[0], results[0]);
        return;
    }
    ExportedArgument all;
    all.kind = Kind::List;
    all.list = node.outputs;
    bind(all, results.size() == 1 ? results[0] : c10::ivalue::Tuple::create(results));
}

void ExportInterpreter::runNode(const ExportedNode& node, Frame frame, OperatorScope& scope) {
    m_budget.step(scope.path);
    const std::string name = schemaNameOf(node.target);
    if (isAssertion(name))
        return;
    try {
        if (const std::string kind = sizeRead(name); !kind.empty()) {
            assign(node, {size(node, kind, frame)}, frame.values);
        } else if (isNumberFunction(node.target)) {
            std::vector<at::IValue> arguments;
            for (const auto& [key, input] : node.inputs)
                arguments.push_back(resolve(input, frame.values));
            const auto result = pythonNumber(node.target, arguments);
            if (!result)
                throw Error(scope.path, node.target + " cannot be computed on these values",
                            "export the model without it");
            assign(node, {*result}, frame.values);
        } else if (isBranch(node.target)) {
            assign(node, runBranch(node, frame, scope), frame.values);
        } else if (const AtenOperator* op = exportedOperator(node.target)) {
            runOperator(node, *op, frame, scope);
        } else {
            throw Error(scope.path, "this LibTorch has no operator " + name, "export the model without it");
        }
    } catch (const Error& error) {
        throw error.where.empty() || error.where.starts_with("aten::") || error.where == node.target
            ? Error(scope.path, (error.where.empty() ? "" : error.where + ": ") + error.problem, error.hint)
            : error;
    } catch (const c10::Error& error) {
        throw Error(scope.path, name + ": " + error.what_without_backtrace(), "check the inputs' shapes and types");
    }
}

namespace {

/// The operator that an eager model calls in the place of the exported one: `x + 3` adds a number and not a tensor, and
/// a view that the export could take of its own memory may need a copy of ours.
const AtenOperator& actualOperator(const std::string& target, const AtenOperator& op,
                                   std::vector<std::pair<std::string, at::IValue>>& given) {
    const AtenOperator* other = nullptr;
    if (target == "torch.ops.aten.view.default" && !given.empty() && given[0].second.isTensor() &&
        !given[0].second.toTensor().is_contiguous()) {
        other = findAten("aten::reshape");
        for (auto& [name, value] : given)
            name = name == "size" ? "shape" : name;
    } else if (target.ends_with(".Tensor") && given.size() > 1 &&
               (given[1].second.isInt() || given[1].second.isDouble())) {
        other = exportedOperator(target.substr(0, target.size() - 6) + "Scalar");
    }
    return other ? *other : op;
}

} // namespace

void ExportInterpreter::runOperator(const ExportedNode& node, const AtenOperator& op, Frame frame,
                                    OperatorScope& scope) {
    std::vector<std::pair<std::string, at::IValue>> given;
    for (const auto& [name, input] : node.inputs)
        given.emplace_back(name, resolve(input, frame.values));
    const AtenOperator& own = actualOperator(node.target, op, given);
    c10::Stack stack = stackFor(*own.schema, given);
    const OperatorCall call{*own.schema, own.run, true, node.source};
    m_recorder.run(call, stack, scope);
    m_budget.results(scope.path, stack, !own.written.empty(), m_recorder.aliases());
    assign(node, stack, frame.values);
}

std::vector<at::IValue> ExportInterpreter::runGraph(const ExportedGraph& graph, std::vector<at::IValue> arguments,
                                                    OperatorScope& scope) {
    if (m_depth >= kMaxDepth)
        throw Error(scope.path, "branches are nested more than 64 deep", "the model is recursive or hostile");
    if (arguments.size() != graph.inputs.size())
        throw Error(scope.path, "a branch is given another number of values than it takes",
                    "give a file that is complete and was not changed");
    Values values;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (graph.inputs[i].kind == Kind::Name)
            values[graph.inputs[i].name] = std::move(arguments[i]);
    }
    ++m_depth;
    const ExportedCall root = findCalls(graph, scope.path);
    runItems(root, {graph, values}, scope);
    --m_depth;
    std::vector<at::IValue> results;
    for (const ExportedArgument& output : graph.outputs)
        results.push_back(resolve(output, values));
    return results;
}

/// torch.cond, torch.while_loop, and the blocks of torch.no_grad and torch.autocast, which mean nothing here.
std::vector<at::IValue> ExportInterpreter::runBranch(const ExportedNode& node, Frame frame, OperatorScope& scope) {
    std::vector<const ExportedGraph*> graphs;
    std::vector<at::IValue> before, after; // the graphs
    for (const auto& [name, input] : node.inputs) {
        if (input.kind == Kind::Graph)
            graphs.push_back(input.graph.get());
        else
            (graphs.empty() ? before : after).push_back(resolve(input, frame.values));
    }
    const auto flat = [](const std::vector<at::IValue>& values) {
        std::vector<at::IValue> all;
        for (const at::IValue& value : values) {
            if (!value.isTuple()) {
                all.push_back(value);
                continue;
            }
            const auto& elements = value.toTupleRef().elements();
            all.insert(all.end(), elements.begin(), elements.end());
        }
        return all;
    };
    const auto holds = [&](const at::IValue& condition) {
        if (!condition.isTensor())
            return condition.toBool();
        if (m_recorder.aliases().isLive(condition.toTensor()))
            m_recorder.builder().setDataDependent({m_recorder.valueOf(condition.toTensor())}, scope.path, node.target);
        return condition.toTensor().item().toBool();
    };
    if (node.target == kHigher + "cond" && graphs.size() == 2 && !before.empty())
        return runGraph(*graphs[holds(before[0]) ? 0 : 1], flat(after), scope);
    if (node.target == kHigher + "while_loop" && graphs.size() == 2 && !after.empty()) {
        std::vector<at::IValue> carried = flat({after[0]});
        const std::vector<at::IValue> fixed = flat({after.begin() + 1, after.end()});
        const auto all = [&] {
            std::vector<at::IValue> arguments = carried;
            arguments.insert(arguments.end(), fixed.begin(), fixed.end());
            return arguments;
        };
        const StepBudget::Loop loop(m_budget, node.source.empty() ? node.target : "at " + node.source);
        while (holds(runGraph(*graphs[0], all(), scope).at(0))) {
            m_budget.step(scope.path); // both graphs may be empty
            carried = runGraph(*graphs[1], all(), scope);
        }
        return carried;
    }
    if (node.target.starts_with(kHigher + "wrap_with") && graphs.size() == 1)
        return runGraph(*graphs[0], flat(after), scope);
    throw Error(scope.path, node.target + " has other arguments than expected", "export the model without it");
}

} // namespace fxp::quant
