#include "quant/core/error.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/proto.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <limits>

// Branches and loops, taken as they fall while the model is recorded.
namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;

/// A loop whose end depends on what it computes may have none.
constexpr std::int64_t kMaxIterations = 1'000'000;

bool truth(NodeRun& node, const Item& item) {
    if (!item.tensor.defined() || item.tensor.numel() != 1)
        node.fail("has a condition that is not one boolean");
    return node.read(item.tensor).reshape({}).item().toBool();
}

/// What a loop carries at first may be a parameter. Its name would go to slots of the first turn alone.
Item unnamed(NodeRun& node, Item item) {
    if (item.tensor.defined() && !node.isLive(item.tensor))
        item.tensor = item.tensor.clone();
    return item;
}

void branch(NodeRun& node) {
    for (Item& item : node.runGraph(truth(node, node.item(0)) ? "then_branch" : "else_branch", {}))
        node.out(std::move(item));
}

void loop(NodeRun& node) {
    const std::int64_t trips = node.has(0) ? node.integersOf(0).at(0) : std::numeric_limits<std::int64_t>::max();
    bool goesOn = !node.has(1) || truth(node, node.item(1));
    std::vector<Item> carried;
    for (std::size_t i = 2; i < node.inputCount(); ++i)
        carried.push_back(node.has(i) ? unnamed(node, node.item(i)) : Item{});
    std::vector<std::vector<at::Tensor>> scanned;
    std::vector<std::int32_t> types;
    for (std::int64_t trip = 0; trip < trips && goesOn; ++trip) {
        if (trip == kMaxIterations)
            node.fail("did not end after a million turns", "the loop's condition may never become false");
        std::vector<Item> inputs{{at::scalar_tensor(trip, at::kLong), Proto::INT64, nullptr},
                                 {at::scalar_tensor(true, at::kBool), Proto::BOOL, nullptr}};
        inputs.insert(inputs.end(), carried.begin(), carried.end());
        std::vector<Item> results = node.runBody(std::move(inputs));
        if (results.size() < 1 + carried.size())
            node.fail("has a body with fewer outputs than carried values");
        goesOn = truth(node, results[0]);
        for (std::size_t i = 0; i < carried.size(); ++i)
            carried[i] = results[i + 1];
        scanned.resize(results.size() - 1 - carried.size());
        types.resize(scanned.size());
        for (std::size_t i = 0; i < scanned.size(); ++i) {
            const Item& one = results[1 + carried.size() + i];
            scanned[i].push_back(one.tensor);
            types[i] = one.type;
        }
    }
    for (Item& item : carried)
        node.out(std::move(item));
    for (std::size_t i = 0; i < scanned.size(); ++i)
        node.out(node.joined("aten::stack", scanned[i], 0), types[i]);
    // Not one turn: empty results.
    for (auto i = static_cast<int>(node.outputs().size()); i < node.node().output_size(); ++i)
        node.out(at::zeros({0}), Proto::FLOAT);
}

void scan(NodeRun& node) {
    const bool batched = node.opset() < 9; // input 0 has the sequences' lengths, dimension 0 the batch
    const std::int64_t sequences = node.integer("num_scan_inputs", 0);
    const std::size_t first = batched ? 1 : 0;
    const std::size_t states = node.inputCount() - first - static_cast<std::size_t>(sequences);
    if (sequences < 1 || static_cast<std::size_t>(sequences) + first > node.inputCount())
        node.fail("has more scanned inputs than inputs");
    if (batched && node.has(0))
        node.fail("has sequences of different lengths", "convert the model to a newer opset");
    auto axes = node.integers("scan_input_axes");
    auto directions = node.integers(batched ? "directions" : "scan_input_directions");
    auto outputAxes = node.integers("scan_output_axes");
    auto outputDirections = node.integers("scan_output_directions");
    axes.resize(static_cast<std::size_t>(sequences), 0);
    directions.resize(static_cast<std::size_t>(sequences), 0);
    const std::int64_t batches = batched ? node.in(first).size(0) : 1;
    std::vector<std::vector<at::Tensor>> results; // by output, then batch
    std::vector<std::int32_t> types;
    for (std::int64_t batch = 0; batch < batches; ++batch) {
        const auto input = [&](std::size_t i) {
            const at::Tensor& x = node.in(first + i);
            return batched ? node.op("aten::select.int", {x, 0, batch}) : x;
        };
        std::vector<Item> carried;
        for (std::size_t i = 0; i < states; ++i)
            carried.push_back(unnamed(node, {input(i), node.typeOf(first + i), nullptr}));
        std::vector<at::Tensor> scanned;
        for (std::size_t i = 0; i < static_cast<std::size_t>(sequences); ++i)
            scanned.push_back(input(states + i));
        const std::int64_t length = scanned.at(0).size(node.axis(axes[0], scanned[0].dim()));
        std::vector<std::vector<at::Tensor>> collected;
        for (std::int64_t t = 0; t < length; ++t) {
            std::vector<Item> inputs = carried;
            for (std::size_t i = 0; i < scanned.size(); ++i)
                inputs.push_back({node.op("aten::select.int", {scanned[i], node.axis(axes[i], scanned[i].dim()),
                                                               directions[i] != 0 ? length - 1 - t : t}),
                                  node.typeOf(first + states + i), nullptr});
            const std::vector<Item> outputs = node.runBody(std::move(inputs));
            if (outputs.size() < states)
                node.fail("has a body with fewer outputs than states");
            carried.assign(outputs.begin(), outputs.begin() + static_cast<std::ptrdiff_t>(states));
            collected.resize(outputs.size() - states);
            for (std::size_t i = 0; i < collected.size(); ++i)
                collected[i].push_back(outputs[states + i].tensor);
            types.clear();
            for (const Item& one : outputs)
                types.push_back(one.type);
        }
        outputAxes.resize(collected.size(), 0);
        outputDirections.resize(collected.size(), 0);
        results.resize(states + collected.size());
        for (std::size_t i = 0; i < states; ++i)
            results[i].push_back(carried[i].tensor);
        for (std::size_t i = 0; i < collected.size(); ++i) {
            auto& parts = collected[i];
            if (outputDirections[i] != 0)
                std::reverse(parts.begin(), parts.end());
            results[states + i].push_back(
                node.joined("aten::stack", parts, node.axis(outputAxes[i], parts.at(0).dim() + 1)));
        }
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
        const at::Tensor whole = batched ? node.joined("aten::stack", results[i], 0) : results[i].at(0);
        node.out(whole, i < types.size() ? types[i] : Proto::FLOAT);
    }
}

constexpr std::array kOperators{
    OperatorEntry{"If", branch},
    OperatorEntry{"Loop", loop},
    OperatorEntry{"Scan", scan},
};

} // namespace

std::span<const OperatorEntry> controlOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
