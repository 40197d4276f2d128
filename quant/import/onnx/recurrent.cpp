#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/operators.h"
#include "quant/import/onnx/recurrent_steps.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

// LSTM, GRU and RNN: where LibTorch has that form, as its operator, which becomes the recurrent layer; else step by
// step.
namespace fxp::quant::onnx_import {

namespace {

using Integers = std::vector<std::int64_t>;

RecurrentNode readNode(NodeRun& node, RecurrentKind kind) {
    RecurrentNode r;
    r.kind = kind;
    r.batchFirst = node.integer("layout", 0) != 0;
    r.x = node.in(0);
    if (r.batchFirst)
        r.x = node.op("aten::transpose.int", {r.x, 0, 1});
    r.w = node.in(1);
    r.r = node.in(2);
    if (r.x.dim() != 3 || r.w.dim() != 3 || r.r.dim() != 3)
        node.fail("has an input or weights that are not three-dimensional");
    r.bias = node.optional(3);
    r.hidden = node.integer("hidden_size", r.r.size(2));
    const std::string direction = node.text("direction", "forward");
    r.bidirectional = direction == "bidirectional";
    r.reverse = direction == "reverse";
    const std::int64_t steps = r.x.size(0), batch = r.x.size(1), directions = r.bidirectional ? 2 : 1;
    if (r.w.size(0) != directions || r.r.size(0) != directions || r.r.size(2) != r.hidden)
        node.fail("has weights of another shape than its direction and size ask for");
    if (node.has(4)) {
        const Integers lengths = node.integersOf(4);
        if (std::ranges::any_of(lengths, [steps](std::int64_t length) { return length != steps; }))
            r.lengths = lengths;
    }
    const auto state = [&](std::size_t input) {
        if (!node.has(input))
            return at::zeros({directions, batch, r.hidden});
        return r.batchFirst ? node.op("aten::transpose.int", {node.in(input), 0, 1}) : node.in(input);
    };
    r.h0 = state(5);
    if (kind == RecurrentKind::Lstm) {
        r.c0 = state(6);
        r.peepholes = node.optional(7);
        if (r.peepholes.defined() && !node.isLive(r.peepholes) && r.peepholes.eq(0).all().item<bool>())
            r.peepholes = at::Tensor();
    }
    r.clip = node.real("clip", 0);
    r.inputForget = node.integer("input_forget", 0) != 0;
    r.linearBeforeReset = node.integer("linear_before_reset", 0) != 0;
    r.activations = activationsOf(node, kind, static_cast<std::size_t>(directions));
    return r;
}

bool isPlain(const RecurrentNode& r) {
    const auto names = defaultActivations(r.kind);
    for (std::size_t i = 0; i < r.activations.size(); ++i) {
        const std::string& name = r.activations[i].name;
        const bool relu = r.kind == RecurrentKind::Rnn && name == "relu" && r.activations[0].name == "relu";
        if (name != names[i % names.size()] && !relu)
            return false;
    }
    return true;
}

bool isLibTorchs(NodeRun& node, const RecurrentNode& r) {
    return isPlain(r) && r.lengths.empty() && !r.peepholes.defined() && r.clip == 0 && !r.inputForget &&
           (r.kind != RecurrentKind::Gru || r.linearBeforeReset) && !node.isLive(r.w) && !node.isLive(r.r) &&
           (!r.bias.defined() || !node.isLive(r.bias));
}

/// Gates in LibTorch's order: i f g o where ONNX has i o f c, and r z n where it has z r h.
at::Tensor inOrder(const RecurrentNode& r, const at::Tensor& rows) {
    const Integers order = r.kind == RecurrentKind::Lstm  ? Integers{0, 2, 3, 1}
                           : r.kind == RecurrentKind::Gru ? Integers{1, 0, 2}
                                                          : Integers{0};
    Integers shape = rows.sizes().vec(), blocks = shape;
    blocks[0] = r.hidden;
    blocks.insert(blocks.begin(), static_cast<std::int64_t>(order.size()));
    return rows.reshape(blocks).index_select(0, at::tensor(order, at::kLong)).reshape(shape);
}

struct Results {
    at::Tensor y, h, c; ///< y: [T, D, B, H]
};

/// The weights of one direction, as LibTorch's operators list them.
std::vector<at::Tensor> parametersOf(const RecurrentNode& r, std::int64_t direction) {
    std::vector<at::Tensor> parameters{inOrder(r, r.w[direction]), inOrder(r, r.r[direction])};
    if (r.bias.defined()) {
        const std::int64_t half = r.bias.size(1) / 2;
        parameters.push_back(inOrder(r, r.bias[direction].slice(0, 0, half)));
        parameters.push_back(inOrder(r, r.bias[direction].slice(0, half)));
    }
    return parameters;
}

/// LibTorch's operator on whole sequences; the states are [D, B, H], its output [T, B, D · H].
std::vector<at::Tensor> runOperator(NodeRun& node, const RecurrentNode& r, const at::Tensor& x, const at::Tensor& h0,
                                    const at::Tensor& c0, const std::vector<at::Tensor>& parameters,
                                    bool bidirectional) {
    const bool relu = r.activations.at(0).name == "relu";
    const char* name = r.kind == RecurrentKind::Lstm  ? "aten::lstm.input"
                       : r.kind == RecurrentKind::Gru ? "aten::gru.input"
                       : relu                         ? "aten::rnn_relu.input"
                                                      : "aten::rnn_tanh.input";
    at::IValue state = h0;
    if (r.kind == RecurrentKind::Lstm)
        state = c10::List<at::Tensor>({h0, c0});
    return node.all(name, {x, state, c10::List<at::Tensor>(parameters), r.bias.defined(), std::int64_t{1}, 0.0, false,
                           bidirectional, false});
}

at::Tensor flipped(NodeRun& node, const at::Tensor& x) {
    return node.op("aten::flip", {x, Integers{0}});
}

Results runWhole(NodeRun& node, const RecurrentNode& r) {
    const std::int64_t directions = r.bidirectional ? 2 : 1;
    std::vector<at::Tensor> parameters;
    for (std::int64_t d = 0; d < directions; ++d) {
        const auto one = parametersOf(r, d);
        parameters.insert(parameters.end(), one.begin(), one.end());
    }
    const at::Tensor x = r.reverse ? flipped(node, r.x) : r.x;
    const auto results = runOperator(node, r, x, r.h0, r.c0, parameters, r.bidirectional);
    const at::Tensor y = r.reverse ? flipped(node, results.at(0)) : results.at(0);
    const at::Tensor split = node.reshape(y, {y.size(0), -1, directions, r.hidden});
    return {node.permute(split, {0, 2, 1, 3}), results.at(1), results.size() > 2 ? results[2] : at::Tensor()};
}

/// One layer of a module of several, each direction under its path in PyTorch: `rnn.l1`, `rnn.l1_reverse`.
Results runLayer(NodeRun& node, const RecurrentNode& r) {
    std::vector<at::Tensor> ys, hs, cs;
    for (std::int64_t d = 0; d < (r.bidirectional ? 2 : 1); ++d) {
        const bool reverse = r.reverse || d == 1;
        OperatorScope scope{
            node.scope().path + ".l" + std::to_string(node.layer()) + (d == 1 ? "_reverse" : ""), {}, true, false, {}};
        NodeRun part(node.node(), node.opset(), {}, node.recorder(), scope, {});
        const auto state = [&](const at::Tensor& all) { return all.defined() ? part.slice(all, 0, d, d + 1) : all; };
        const auto results = runOperator(part, r, reverse ? flipped(part, r.x) : r.x, state(r.h0), state(r.c0),
                                         parametersOf(r, d), false);
        ys.push_back(reverse ? flipped(part, results.at(0)) : results.at(0));
        hs.push_back(results.at(1));
        if (results.size() > 2)
            cs.push_back(results[2]);
    }
    return {node.joined("aten::stack", ys, 1), node.joined("aten::cat", hs, 0),
            cs.empty() ? at::Tensor() : node.joined("aten::cat", cs, 0)};
}

void run(NodeRun& node, RecurrentKind kind) {
    const RecurrentNode r = readNode(node, kind);
    Results results;
    if (isLibTorchs(node, r)) {
        results = node.layer() < 0 ? runWhole(node, r) : runLayer(node, r);
    } else {
        std::vector<at::Tensor> ys, hs, cs;
        for (std::int64_t d = 0; d < (r.bidirectional ? 2 : 1); ++d) {
            const DirectionResults one = runDirection(node, r, d);
            ys.push_back(one.y);
            hs.push_back(one.h);
            cs.push_back(one.c);
        }
        results.y = node.joined("aten::stack", ys, 1);
        results.h = node.joined("aten::stack", hs, 0);
        if (kind == RecurrentKind::Lstm)
            results.c = node.joined("aten::stack", cs, 0);
    }
    const auto placed = [&](const at::Tensor& state) {
        return r.batchFirst ? node.op("aten::transpose.int", {state, 0, 1}) : state;
    };
    node.out(r.batchFirst ? node.permute(results.y, {2, 0, 1, 3}) : results.y);
    node.out(placed(results.h));
    if (kind == RecurrentKind::Lstm)
        node.out(placed(results.c));
}

void lstm(NodeRun& node) {
    run(node, RecurrentKind::Lstm);
}

void gru(NodeRun& node) {
    run(node, RecurrentKind::Gru);
}

void rnn(NodeRun& node) {
    run(node, RecurrentKind::Rnn);
}

constexpr std::array kOperators{
    OperatorEntry{"GRU", gru},
    OperatorEntry{"LSTM", lstm},
    OperatorEntry{"RNN", rnn},
};

} // namespace

std::span<const OperatorEntry> recurrentOperators() {
    return kOperators;
}

} // namespace fxp::quant::onnx_import
