#include "quant/core/error.h"
#include "quant/import/onnx/interpreter.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

// What a call of a module is in a graph: the nodes that stand in it, what they read from outside, what is read of them.
namespace fxp::quant::onnx_import {

namespace {

std::string below(const std::string& path, const std::string& module) {
    return path == module ? std::string() : path.substr(module.size() + 1);
}

bool isBelow(const std::string& path, const std::string& module) {
    return path == module || path.starts_with(module + ".");
}

} // namespace

/// Whether the value waits for a node of `inside`.
bool Interpreter::dependsOn(const Frame& frame, const std::string& name, const std::vector<char>& inside,
                            std::vector<char>& seen) const {
    std::vector<std::string> open{name};
    while (!open.empty()) {
        const auto producer = frame.producers.find(open.back());
        open.pop_back();
        if (producer == frame.producers.end() || seen[producer->second] != 0 || frame.state[producer->second] == 2)
            continue;
        if (inside[producer->second] != 0)
            return true;
        seen[producer->second] = 1;
        const auto& node = *frame.nodes[producer->second];
        open.insert(open.end(), node.input().begin(), node.input().end());
    }
    return false;
}

/// The parameters by their names below the module. Exporters turn the weights of products around and take their names
/// from them; where they stand says which they are.
std::map<std::string, at::Tensor> Interpreter::parametersBelow(Frame& frame, const std::string& path,
                                                               const std::vector<std::size_t>& nodes) {
    std::map<std::string, at::Tensor> found;
    for (const auto& [name, tensor] : m_model.parameters()) {
        if (name.starts_with(path + "."))
            found.emplace(name.substr(path.size() + 1), tensor);
    }
    for (const std::size_t index : nodes) {
        const ::onnx::NodeProto& node = *frame.nodes[index];
        if (node.op_type() != "MatMul" || node.input_size() != 2)
            continue;
        const at::Tensor* weight = constantOf(frame, node.input(1));
        const std::string own = pathOf(frame, node);
        if (!weight || weight->dim() != 2 || !isBelow(own, path))
            continue;
        const bool attends = m_model.classOf(own).ends_with("MultiheadAttention");
        found.emplace((own == path ? std::string() : below(own, path) + ".") + (attends ? "in_proj_weight" : "weight"),
                      weight->t());
    }
    return found;
}

bool Interpreter::runCall(Frame& frame, const std::string& path) {
    const std::vector<std::size_t> nodes = std::move(frame.calls.at(path));
    frame.calls.at(path).clear(); // one call to a module, whether it becomes a layer or not
    std::vector<char> inside(frame.nodes.size(), 0);
    for (const std::size_t index : nodes)
        inside[index] = frame.state[index] == 0 ? 1 : 0;
    std::vector<std::string> given, results;
    std::set<std::string> known;
    for (const std::size_t index : nodes) {
        if (inside[index] == 0)
            continue;
        const ::onnx::NodeProto& node = *frame.nodes[index];
        for (const std::string& name : node.input()) {
            const auto producer = frame.producers.find(name);
            const bool isOwn = producer != frame.producers.end() && inside[producer->second] != 0;
            if (!name.empty() && !isOwn && known.insert(name).second)
                given.push_back(name);
        }
        for (const std::string& name : node.output()) {
            const auto readers = frame.readers.find(name);
            std::int64_t own = 0;
            if (readers != frame.readers.end())
                own = std::ranges::count_if(readers->second, [&](std::size_t reader) { return inside[reader] != 0; });
            const bool isConstant = m_model.constant(node).tensor.defined();
            if (!isConstant && m_model.readersOf(*frame.graph, name) > own)
                results.push_back(name);
        }
    }
    std::vector<char> seen(frame.nodes.size(), 0);
    if (results.empty() ||
        std::ranges::any_of(given, [&](const std::string& name) { return dependsOn(frame, name, inside, seen); }))
        return false;

    ModuleCall call;
    call.path = path;
    const std::string& className = m_model.classOf(path);
    call.className = className.substr(className.rfind('.') + 1);
    const auto& initializers = m_model.initializers(*frame.graph);
    for (const std::string& name : given) {
        const Item item = valueOf(frame, name);
        const bool isMask = item.tensor.defined() && item.tensor.dim() > 1 && !initializers.contains(name);
        if (item.tensor.defined() && (m_recorder.aliases().isLive(item.tensor) || isMask))
            call.arguments.push_back({name, item.tensor, {}});
    }
    call.parameters = parametersBelow(frame, path, nodes);
    const at::IValue result = m_modules.run(std::move(call), scopeAt(path), [&] {
        for (const std::size_t index : nodes)
            runNode(frame, index);
        std::vector<at::IValue> tensors;
        for (const std::string& name : results)
            tensors.emplace_back(frame.values.at(name).tensor);
        return ModuleRecognizer::Run{tensors.size() == 1 ? tensors[0] : c10::ivalue::Tuple::create(tensors), false};
    });
    if (result.isTensor()) {
        frame.values.at(results[0]).tensor = result.toTensor();
        return true;
    }
    const auto& tensors = result.toTupleRef().elements();
    for (std::size_t i = 0; i < results.size() && i < tensors.size(); ++i)
        frame.values.at(results[i]).tensor = tensors[i].toTensor();
    return true;
}

} // namespace fxp::quant::onnx_import
