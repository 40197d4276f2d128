#include "quant/import/onnx/recurrent_steps.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>

namespace fxp::quant::onnx_import {

namespace {

/// α and β where the node gives none: ONNX's operator documentation, RNN.
std::pair<double, double> defaultsOf(const std::string& name) {
    if (name == "leakyrelu")
        return {0.01, 0};
    if (name == "hardsigmoid")
        return {0.2, 0.5};
    if (name == "thresholdedrelu" || name == "elu")
        return {1, 0};
    return {1, 0};
}

at::Tensor activated(NodeRun& node, const RecurrentActivation& f, const at::Tensor& x) {
    if (f.name == "sigmoid" || f.name == "tanh" || f.name == "relu")
        return node.op("aten::" + f.name, {x});
    if (f.name == "affine" || f.name == "hardsigmoid") {
        const at::Tensor line = node.op("aten::add.Scalar", {node.op("aten::mul.Scalar", {x, f.alpha}), f.beta});
        return f.name == "affine" ? line : node.op("aten::clamp", {line, 0.0, 1.0});
    }
    if (f.name == "leakyrelu")
        return node.op("aten::leaky_relu", {x, f.alpha});
    if (f.name == "thresholdedrelu")
        return node.op("aten::threshold", {x, f.alpha, 0.0});
    if (f.name == "scaledtanh")
        return node.op("aten::mul.Scalar",
                       {node.op("aten::tanh", {node.op("aten::mul.Scalar", {x, f.beta})}), f.alpha});
    if (f.name == "elu")
        return node.op("aten::elu", {x, f.alpha});
    if (f.name == "softsign")
        return node.div(x, node.op("aten::add.Scalar", {node.op("aten::abs", {x}), 1.0}));
    if (f.name == "softplus")
        return node.op("aten::softplus", {x});
    node.fail("has the unknown activation " + f.name);
}

/// The steps of one direction: the node's tensors of that direction, and the state.
class Direction {
  public:
    Direction(NodeRun& node, const RecurrentNode& r, std::int64_t direction)
        : m_node(node), m_r(r), m_w(part(r.w, direction)), m_recurrent(part(r.r, direction)),
          m_h(part(r.h0, direction)) {
        const std::int64_t rows = m_w.size(0);
        if (r.bias.defined()) {
            const at::Tensor bias = part(r.bias, direction);
            m_wb = node.slice(bias, 0, 0, rows);
            m_rb = node.slice(bias, 0, rows, 2 * rows);
        }
        if (r.kind == RecurrentKind::Lstm)
            m_c = part(r.c0, direction);
        if (r.peepholes.defined())
            m_p = part(r.peepholes, direction);
        const std::size_t each = defaultActivations(r.kind).size();
        m_f = r.activations.data() + static_cast<std::size_t>(direction) * each;
    }

    void step(const at::Tensor& x) {
        switch (m_r.kind) {
        case RecurrentKind::Lstm: lstm(x); break;
        case RecurrentKind::Gru: gru(x); break;
        case RecurrentKind::Rnn: m_h = apply(0, m_node.add(fromInput(x), fromState(m_h))); break;
        }
    }
    const at::Tensor& h() const { return m_h; }
    const at::Tensor& c() const { return m_c; }
    void keep(const at::Tensor& running, const at::Tensor& h, const at::Tensor& c) {
        m_h = m_node.op("aten::where.self", {running, m_h, h});
        if (m_c.defined())
            m_c = m_node.op("aten::where.self", {running, m_c, c});
    }

  private:
    at::Tensor part(const at::Tensor& all, std::int64_t direction) {
        return m_node.op("aten::select.int", {all, 0, direction});
    }
    at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
        return m_node.op("aten::linear", {x, w, b.defined() ? at::IValue(b) : at::IValue()});
    }
    at::Tensor fromInput(const at::Tensor& x) { return linear(x, m_w, m_wb); }
    at::Tensor fromState(const at::Tensor& h) { return linear(h, m_recurrent, m_rb); }
    at::Tensor gate(const at::Tensor& all, std::int64_t number) {
        return m_node.slice(all, -1, number * m_r.hidden, (number + 1) * m_r.hidden);
    }
    at::Tensor apply(std::size_t function, const at::Tensor& x) {
        const at::Tensor bounded = m_r.clip > 0 ? m_node.op("aten::clamp", {x, -m_r.clip, m_r.clip}) : x;
        return activated(m_node, m_f[function], bounded);
    }
    at::Tensor peeped(const at::Tensor& x, const at::Tensor& c, std::int64_t number) {
        return m_p.defined() ? m_node.add(x, m_node.mul(gate(m_p, number), c)) : x;
    }

    void lstm(const at::Tensor& x) {
        const at::Tensor all = m_node.add(fromInput(x), fromState(m_h));
        const at::Tensor i = apply(0, peeped(gate(all, 0), m_c, 0));
        const at::Tensor f =
            m_r.inputForget ? m_node.op("aten::rsub.Scalar", {i, 1.0}) : apply(0, peeped(gate(all, 2), m_c, 2));
        const at::Tensor g = apply(1, gate(all, 3));
        m_c = m_node.add(m_node.mul(f, m_c), m_node.mul(i, g));
        const at::Tensor o = apply(0, peeped(gate(all, 1), m_c, 1));
        m_h = m_node.mul(o, activated(m_node, m_f[2], m_c));
    }

    void gru(const at::Tensor& x) {
        const at::Tensor input = fromInput(x);
        const std::int64_t rows = m_r.hidden;
        const auto rowsOf = [&](const at::Tensor& all, std::int64_t from, std::int64_t to) {
            return all.defined() ? m_node.slice(all, 0, from * rows, to * rows) : at::Tensor();
        };
        const at::Tensor zr = linear(m_h, rowsOf(m_recurrent, 0, 2), rowsOf(m_rb, 0, 2));
        const at::Tensor z = apply(0, m_node.add(gate(input, 0), gate(zr, 0)));
        const at::Tensor r = apply(0, m_node.add(gate(input, 1), gate(zr, 1)));
        const at::Tensor w = rowsOf(m_recurrent, 2, 3), b = rowsOf(m_rb, 2, 3);
        const at::Tensor state =
            m_r.linearBeforeReset ? m_node.mul(r, linear(m_h, w, b)) : linear(m_node.mul(r, m_h), w, b);
        const at::Tensor fresh = apply(1, m_node.add(gate(input, 2), state));
        m_h = m_node.add(m_node.mul(m_node.op("aten::rsub.Scalar", {z, 1.0}), fresh), m_node.mul(z, m_h));
    }

    NodeRun& m_node;
    const RecurrentNode& m_r;
    at::Tensor m_w, m_recurrent, m_wb, m_rb, m_h, m_c, m_p;
    const RecurrentActivation* m_f;
};

} // namespace

std::vector<std::string> defaultActivations(RecurrentKind kind) {
    if (kind == RecurrentKind::Lstm)
        return {"sigmoid", "tanh", "tanh"};
    return kind == RecurrentKind::Gru ? std::vector<std::string>{"sigmoid", "tanh"} : std::vector<std::string>{"tanh"};
}

std::vector<RecurrentActivation> activationsOf(const NodeRun& node, RecurrentKind kind, std::size_t directions) {
    std::vector<std::string> names = node.texts("activations");
    if (names.empty()) {
        for (std::size_t d = 0; d < directions; ++d) {
            const auto usual = defaultActivations(kind);
            names.insert(names.end(), usual.begin(), usual.end());
        }
    }
    if (names.size() != directions * defaultActivations(kind).size())
        node.fail("has another number of activations than it needs");
    const std::vector<double> alphas = node.reals("activation_alpha"), betas = node.reals("activation_beta");
    std::vector<RecurrentActivation> activations;
    for (std::size_t i = 0; i < names.size(); ++i) {
        std::ranges::transform(names[i], names[i].begin(),
                               [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
        const auto [alpha, beta] = defaultsOf(names[i]);
        activations.push_back({names[i], i < alphas.size() ? alphas[i] : alpha, i < betas.size() ? betas[i] : beta});
    }
    return activations;
}

DirectionResults runDirection(NodeRun& node, const RecurrentNode& r, std::int64_t direction) {
    Direction run(node, r, direction);
    const bool reverse = r.reverse || direction == 1;
    const std::int64_t steps = r.x.size(0);
    std::vector<at::Tensor> outputs(static_cast<std::size_t>(steps));
    for (std::int64_t i = 0; i < steps; ++i) {
        const std::int64_t t = reverse ? steps - 1 - i : i;
        node.beginTurn(".step" + std::to_string(direction));
        const at::Tensor h = run.h(), c = run.c();
        run.step(node.op("aten::select.int", {r.x, 0, t}));
        at::Tensor y = run.h();
        if (!r.lengths.empty()) {
            const at::Tensor running = at::tensor(r.lengths, at::kLong).gt(t).unsqueeze(1);
            y = node.mul(y, running.to(at::kFloat));
            run.keep(running, h, c);
        }
        outputs[static_cast<std::size_t>(t)] = y;
    }
    node.beginTurn(".end" + std::to_string(direction));
    return {node.joined("aten::stack", outputs, 0), run.h(), run.c()};
}

} // namespace fxp::quant::onnx_import
