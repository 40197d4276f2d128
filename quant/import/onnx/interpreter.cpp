#include "quant/import/onnx/interpreter.h"

#include "quant/core/error.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/node_order.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace fxp::quant::onnx_import {

namespace {

constexpr int kMaxDepth = 64;

/// The last part of a parameter's name where it is one that people gave: `weight` of `features.0.weight`. Exporters
/// number what they made themselves.
std::string slotName(const std::string& name) {
    const bool plain = std::ranges::all_of(
        name, [](unsigned char letter) { return std::isalnum(letter) != 0 || letter == '_' || letter == '.'; });
    const std::string last = name.substr(name.rfind('.') + 1);
    const bool numbered = last.empty() || std::isdigit(static_cast<unsigned char>(last[0])) != 0 ||
                          (name.starts_with("val_") && name.find('.') == std::string::npos);
    return plain && !numbered ? last : std::string();
}

std::string placeOf(const std::string& outer, std::size_t node) {
    return outer + '/' + std::to_string(node);
}

} // namespace

Interpreter::Interpreter(const Model& model, OperatorRecorder& recorder, ModuleRecognizer& modules, StopRequest stop)
    : m_model(model), m_recorder(recorder), m_modules(modules), m_stop(std::move(stop)) {
    for (const auto& [name, tensor] : model.parameters()) {
        if (const std::string own = slotName(name); !own.empty())
            m_recorder.aliases().setName(tensor, own);
    }
}

Interpreter::~Interpreter() = default;

OperatorScope& Interpreter::scopeAt(const std::string& path) {
    const auto [place, fresh] = m_scopes.try_emplace(path);
    if (fresh) {
        place->second.path = path;
        place->second.leaf = m_model.isLeaf(path);
    }
    return place->second;
}

std::string Interpreter::pathOf(const Frame& frame, const ::onnx::NodeProto& node) const {
    const std::string& own = m_model.scope(node).path;
    return own.empty() ? frame.path : own;
}

std::vector<Item> Interpreter::run(const std::vector<Item>& inputs) {
    Frame frame;
    frame.graph = &m_model.graph();
    for (const auto& [name, item] : m_model.initializers(*frame.graph))
        frame.values[name] = item;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        frame.values[m_model.inputs()[i].name] = inputs[i];
    for (const auto& node : frame.graph->node())
        frame.nodes.push_back(&node);
    prepare(frame);
    for (std::size_t i = 0; i < frame.nodes.size(); ++i) {
        for (const std::string& path : m_model.scope(*frame.nodes[i]).parents) {
            if (ModuleRecognizer::isKnown(m_model.classOf(path)))
                frame.calls[path].push_back(i);
        }
    }
    runAll(frame);
    std::vector<Item> results;
    for (const auto& output : frame.graph->output())
        results.push_back(valueOf(frame, output.name()));
    return results;
}

void Interpreter::prepare(Frame& frame) {
    frame.nodes = inOrder(frame.nodes);
    frame.state.assign(frame.nodes.size(), 0);
    for (std::size_t i = 0; i < frame.nodes.size(); ++i) {
        for (const std::string& name : frame.nodes[i]->output()) {
            if (!name.empty())
                frame.producers.emplace(name, i);
        }
        for (const std::string& name : frame.nodes[i]->input())
            frame.readers[name].push_back(i);
    }
}

void Interpreter::runAll(Frame& frame) {
    for (std::size_t i = 0; i < frame.nodes.size(); ++i)
        runNode(frame, i);
}

std::vector<Item> Interpreter::runGraph(const ::onnx::GraphProto& graph, std::vector<Item> inputs, Frame& outer,
                                        std::size_t node, bool isRepeated) {
    const std::string path = pathOf(outer, *outer.nodes[node]);
    if (m_depth >= kMaxDepth)
        throw Error(path, "graphs are nested more than 64 deep", "the model is damaged or hostile");
    Frame frame;
    frame.graph = &graph;
    frame.outer = &outer;
    frame.opset = outer.opset;
    frame.path = path;
    frame.place = placeOf(outer.place, node);
    frame.isRepeated = outer.isRepeated || isRepeated;
    for (const auto& [name, item] : m_model.initializers(graph))
        frame.values[name] = item;
    for (std::size_t i = 0; i < inputs.size() && static_cast<int>(i) < graph.input_size(); ++i)
        frame.values[graph.input(static_cast<int>(i)).name()] = inputs[i];
    for (const auto& node : graph.node())
        frame.nodes.push_back(&node);
    prepare(frame);
    ++m_depth;
    runAll(frame);
    --m_depth;
    std::vector<Item> results;
    for (const auto& output : graph.output())
        results.push_back(valueOf(frame, output.name()));
    return results;
}

std::vector<Item> Interpreter::runFunction(const ::onnx::FunctionProto& function, const Frame& outer, std::size_t index,
                                           std::vector<Item> inputs) {
    const ::onnx::NodeProto& node = *outer.nodes[index];
    const std::string path = pathOf(outer, node);
    if (m_depth >= kMaxDepth)
        throw Error(path, "functions call each other more than 64 deep", "the model is recursive or hostile");
    Frame frame;
    frame.path = path;
    frame.place = placeOf(outer.place, index);
    frame.isRepeated = outer.isRepeated;
    for (const auto& opset : function.opset_import()) {
        if (opset.domain().empty() || opset.domain() == "ai.onnx")
            frame.opset = opset.version();
    }
    for (int i = 0; i < function.input_size(); ++i)
        frame.values[function.input(i)] =
            static_cast<std::size_t>(i) < inputs.size() ? inputs[static_cast<std::size_t>(i)] : Item{};
    for (const auto& inner : function.node()) {
        // Attributes may refer to those of the call.
        auto copy = std::make_unique<::onnx::NodeProto>(inner);
        copy->clear_attribute();
        for (const auto& attribute : inner.attribute()) {
            if (attribute.ref_attr_name().empty()) {
                *copy->add_attribute() = attribute;
                continue;
            }
            for (const auto& given : node.attribute()) {
                if (given.name() != attribute.ref_attr_name())
                    continue;
                auto* own = copy->add_attribute();
                *own = given;
                own->set_name(attribute.name());
            }
        }
        frame.nodes.push_back(copy.get());
        m_functionNodes.push_back(std::move(copy));
    }
    prepare(frame);
    ++m_depth;
    runAll(frame);
    --m_depth;
    std::vector<Item> results;
    for (const std::string& name : function.output())
        results.push_back(valueOf(frame, name));
    return results;
}

Item Interpreter::valueOf(Frame& frame, const std::string& name) {
    if (name.empty())
        return {};
    for (Frame* one = &frame; one; one = one->outer) {
        const auto known = one->values.find(name);
        if (known != one->values.end())
            return known->second;
        const auto producer = one->producers.find(name);
        if (producer == one->producers.end())
            continue;
        if (one->state[producer->second] == 1)
            throw Error(name, "depends on itself", "the graph has a cycle: export the model anew");
        runNode(*one, producer->second);
        if (const auto computed = one->values.find(name); computed != one->values.end())
            return computed->second;
        break;
    }
    throw Error(name, "is read, and neither computed by a node nor one of the file's tensors", "export the model anew");
}

const at::Tensor* Interpreter::constantOf(Frame& frame, const std::string& name) {
    for (Frame* one = &frame; one; one = one->outer) {
        const auto known = one->values.find(name);
        if (known != one->values.end())
            return known->second.tensor.defined() && !m_recorder.aliases().isLive(known->second.tensor)
                       ? &known->second.tensor
                       : nullptr;
        const auto producer = one->producers.find(name);
        if (producer == one->producers.end())
            continue;
        const ::onnx::NodeProto& node = *one->nodes[producer->second];
        const auto isStored = [&](const std::string& input) {
            const auto inner = one->producers.find(input);
            return inner == one->producers.end() ? input.empty() || constantOf(*one, input)
                                                 : m_model.constant(*one->nodes[inner->second]).tensor.defined();
        };
        if (node.op_type() == "DequantizeLinear" && one->state[producer->second] == 0 &&
            std::ranges::all_of(node.input(), isStored)) {
            runNode(*one, producer->second);
            return constantOf(*one, name);
        }
        const Item& constant = m_model.constant(node);
        return constant.tensor.defined() ? &constant.tensor : nullptr;
    }
    return nullptr;
}

void Interpreter::runNode(Frame& frame, std::size_t index) {
    if (frame.state[index] != 0)
        return;
    for (const std::string& path : m_model.scope(*frame.nodes[index]).parents) {
        const auto call = frame.calls.find(path);
        if (call != frame.calls.end() && !call->second.empty() && runCall(frame, path) && frame.state[index] != 0)
            return;
    }
    if (frame.state[index] == 0)
        runOne(frame, index);
}

NodeRun Interpreter::start(Frame& frame, std::size_t index, std::vector<Item> inputs, OperatorScope& scope) {
    const ::onnx::NodeProto& node = *frame.nodes[index];
    const std::int64_t opset = frame.opset != 0 ? frame.opset : m_model.opset(node.domain());
    NodeRun run(node, opset, std::move(inputs), m_recorder, scope,
                [this, &frame, index](const ::onnx::GraphProto& graph, std::vector<Item> given, bool isRepeated) {
                    return runGraph(graph, std::move(given), frame, index, isRepeated);
                });
    run.setSource(m_model.scope(node).source);
    if (frame.graph) {
        for (int i = 0; i < node.output_size(); ++i)
            run.setRead(i, m_model.readersOf(*frame.graph, node.output(i)) > 0);
    }
    run.setModuleClass(m_model.classOf(scope.path));
    run.setPlace(placeOf(frame.place, index), frame.isRepeated);
    return run;
}

void Interpreter::runOne(Frame& frame, std::size_t index) {
    stopHere(m_stop);
    const ::onnx::NodeProto& node = *frame.nodes[index];
    if (const Item& constant = m_model.constant(node); constant.tensor.defined()) {
        frame.values[node.output(0)] = constant;
        frame.state[index] = 2;
        return;
    }
    frame.state[index] = 1;
    std::vector<Item> inputs;
    for (const std::string& name : node.input())
        inputs.push_back(valueOf(frame, name));
    while (!inputs.empty() && !inputs.back().isPresent())
        inputs.pop_back();
    const std::string path = pathOf(frame, node);
    OperatorScope& scope = scopeAt(path);
    if (isQonnxQuant(node)) {
        runQonnx(frame, index, inputs, scope);
        frame.state[index] = 2;
        return;
    }
    if (node.domain().empty() &&
        (node.op_type() == "MatMul" ? runLinear(frame, index, scope) : runPair(frame, index, inputs, scope))) {
        frame.state[index] = 2;
        return;
    }
    std::vector<Item> results;
    if (const auto* function = m_model.function(node.domain(), node.op_type())) {
        results = runFunction(*function, frame, index, std::move(inputs));
    } else {
        const OperatorEntry* entry = findOperator(node.op_type());
        if (!entry)
            throw Error(path, "the operator " + node.op_type() + " is not known here", "export the model without it");
        NodeRun run = start(frame, index, inputs, scope);
        run.setLayer(m_model.recurrentLayer(node));
        try {
            entry->run(run);
        } catch (const c10::Error& error) {
            run.fail(error.what_without_backtrace(), "check the inputs' shapes and types");
        } catch (const std::out_of_range&) {
            run.fail("lacks a number that it needs");
        }
        results = run.outputs();
        if (!results.empty())
            noteWeights(frame, index, inputs, results[0]);
    }
    for (int i = 0; i < node.output_size(); ++i) {
        if (static_cast<std::size_t>(i) < results.size() && !node.output(i).empty())
            frame.values[node.output(i)] = results[static_cast<std::size_t>(i)];
    }
    frame.state[index] = 2;
}

std::optional<Interpreter::BiasAdd> Interpreter::biasOf(Frame& frame, const ::onnx::NodeProto& product,
                                                        std::int64_t features) {
    const std::string& name = product.output(0);
    const auto readers = frame.readers.find(name);
    if (!frame.graph || readers == frame.readers.end() || readers->second.size() != 1 ||
        m_model.readersOf(*frame.graph, name) != 1)
        return std::nullopt;
    const std::size_t index = readers->second[0];
    const ::onnx::NodeProto& add = *frame.nodes[index];
    if (add.op_type() != "Add" || add.input_size() != 2 || pathOf(frame, add) != pathOf(frame, product))
        return std::nullopt;
    const at::Tensor* bias = constantOf(frame, add.input(add.input(0) == name ? 1 : 0));
    if (!bias || bias->dim() != 1 || bias->size(0) != features || bias->scalar_type() != at::kFloat)
        return std::nullopt;
    return BiasAdd{index, *bias};
}

/// x · W, and the bias that is added to it, are a linear layer where W is a parameter.
bool Interpreter::runLinear(Frame& frame, std::size_t index, OperatorScope& scope) {
    const ::onnx::NodeProto& node = *frame.nodes[index];
    const at::Tensor* weight = constantOf(frame, node.input(1));
    const at::Tensor x = valueOf(frame, node.input(0)).tensor;
    if (!weight || weight->dim() != 2 || weight->scalar_type() != at::kFloat || !x.defined() || x.dim() < 1 ||
        x.scalar_type() != at::kFloat || !m_recorder.aliases().isLive(x))
        return false;
    const auto add = biasOf(frame, node, weight->size(1));
    const bool isNamed = !m_recorder.aliases().nameOf(*weight).empty();
    if (!add && !scope.leaf && isNamed)
        return false;
    NodeRun run = start(frame, index, {}, scope);
    const at::Tensor turned = run.op("aten::t", {*weight});
    const at::Tensor y = run.op("aten::linear", {x, turned, add ? at::IValue(add->bias) : at::IValue()});
    const std::int32_t type = ::onnx::TensorProto::FLOAT;
    if (add) {
        frame.values[frame.nodes[add->node]->output(0)] = {y, type, nullptr};
        frame.state[add->node] = 2;
    } else {
        frame.values[node.output(0)] = {y, type, nullptr};
    }
    return true;
}

} // namespace fxp::quant::onnx_import
