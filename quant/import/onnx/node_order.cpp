#include "quant/import/onnx/node_order.h"

#include "quant/core/error.h"
#include "quant/import/onnx/proto.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace fxp::quant::onnx_import {

namespace {

using Nodes = std::vector<const ::onnx::NodeProto*>;

void forEachRead(const ::onnx::NodeProto& node, const std::function<void(const std::string&)>& visit) {
    for (const std::string& name : node.input())
        visit(name);
    for (const auto& attribute : node.attribute()) {
        if (!attribute.has_g())
            continue;
        // A graph inside may have names of its own that values around it have too.
        const ::onnx::GraphProto& graph = attribute.g();
        std::unordered_set<std::string> own;
        for (const auto& input : graph.input())
            own.insert(input.name());
        for (const auto& tensor : graph.initializer())
            own.insert(tensor.name());
        for (const auto& inner : graph.node())
            own.insert(inner.output().begin(), inner.output().end());
        const auto visitOuter = [&](const std::string& name) {
            if (!own.contains(name))
                visit(name);
        };
        for (const auto& inner : graph.node())
            forEachRead(inner, visitOuter);
        for (const auto& output : graph.output())
            visitOuter(output.name());
    }
}

} // namespace

Nodes inOrder(const Nodes& nodes) {
    std::unordered_map<std::string, std::size_t> producers;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        for (const std::string& name : nodes[i]->output()) {
            if (!name.empty() && !producers.try_emplace(name, i).second)
                throw Error(name, "is computed by two nodes", "export the model anew");
        }
    }
    std::vector<std::vector<std::size_t>> readers(nodes.size());
    std::vector<std::size_t> missing(nodes.size(), 0);
    bool isOrdered = true;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        forEachRead(*nodes[i], [&](const std::string& name) {
            const auto producer = producers.find(name);
            if (producer == producers.end())
                return;
            readers[producer->second].push_back(i);
            ++missing[i];
            isOrdered = isOrdered && producer->second < i;
        });
    }
    if (isOrdered)
        return nodes;
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (missing[i] == 0)
            ready.push(i);
    }
    Nodes order;
    while (!ready.empty()) {
        const std::size_t next = ready.top();
        ready.pop();
        order.push_back(nodes[next]);
        for (const std::size_t reader : readers[next]) {
            if (--missing[reader] == 0)
                ready.push(reader);
        }
    }
    if (order.size() < nodes.size()) {
        const auto waits = std::ranges::find_if(missing, [](std::size_t count) { return count > 0; });
        const ::onnx::NodeProto& node = *nodes[static_cast<std::size_t>(waits - missing.begin())];
        throw Error(node.output_size() > 0 ? node.output(0) : node.name(), "depends on itself",
                    "the graph has a cycle: export the model anew");
    }
    return order;
}

} // namespace fxp::quant::onnx_import
