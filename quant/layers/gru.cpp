#include "quant/layers/gru.h"

#include "quant/core/error.h"

namespace fxp::quant {

namespace {

/// The common part of recurrences with one state: everything but the cell.
struct SimpleRecurrence {
    std::string op;
    Slot &input, &h0, &output;
    Linear &wIh, &wHh;
    std::vector<const Slot*> cellSlots; ///< after the three of wHh; the last is the state's
    bool reverse;
    std::int64_t hidden;
};

Gru::Outputs record(const SimpleRecurrence& r, const Layer& layer, Value x, Value h0, Builder& run) {
    if (run.tensor(x).dim() != 3 || run.tensor(x).size(1) == 0)
        throw ShapeError(layer.path(), "the input must be [batch, steps, features], with at least one step");
    const std::int64_t last = r.reverse ? 0 : run.tensor(x).size(1) - 1;
    layer.log(run, "input", x);
    const Value xq = run.quantize(r.input.info(), x);
    run.setStepDimension(r.input.info(), 1);
    const Value h = run.quantize(r.h0.info(), h0.defined() ? h0 : zeroState(run, x, r.hidden));
    layer.log(run, "h0_quant", h);
    const Value gates = r.wIh.forward(xq, run, LogView::select(1, last));
    run.setStepDimension(r.wIh.input.info(), 1);
    run.setStepDimension(r.wIh.activation.info(), 1);
    const Linear::Parameters hidden = r.wHh.quantizeParameters(run);

    std::vector<const Slot*> slots{&r.wHh.input, &r.wHh.accumulator, &r.wHh.activation};
    slots.insert(slots.end(), r.cellSlots.begin(), r.cellSlots.end());
    const auto values = recordRecurrence(
        run, r.op,
        {{"gates", gates}, {"h", h}, {"w_hh", hidden.weightQuant}, {"b_hh", hidden.biasQuant}, {"reverse", r.reverse}},
        slots, {&r.wHh.weight, &r.wHh.bias});
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const LogView view = LogView::select(0, last);
        slots[i]->layer().log(run, slots[i]->name(), values[2 * i], view);
        slots[i]->layer().log(run, slots[i]->name() + "_quant", values[2 * i + 1], view);
    }
    const Value states = values.back();
    const Value outputq = run.quantize(r.output.info(), run.call("aten::transpose.int", {states, 0, 1}));
    run.setStepDimension(r.output.info(), 1);
    layer.log(run, "output", outputq);
    return {outputq, run.call("aten::select.int", {states, 0, last})};
}

} // namespace

Gru::Gru(const std::string& path, const RecurrentParameters& p)
    : Layer(kType, path), wIh(*this, "w_ih", p.weightIh, p.biasIh), wHh(*this, "w_hh", p.weightHh, p.biasHh),
      rAct(*this, "sigmoid", "r_act", elementwise::sigmoid()), zAct(*this, "sigmoid", "z_act", elementwise::sigmoid()),
      nAct(*this, "tanh", "n_act", elementwise::tanh()), m_reverse(p.reverse), m_hidden(p.weightHh.size(1)) {}

Gru::Outputs Gru::forward(Value x, Value initial, Builder& run) {
    const Scope scope(*this, run);
    return record({kType,
                   input,
                   h0,
                   output,
                   wIh,
                   wHh,
                   {&rAct.input, &rAct.activation, &zAct.input, &zAct.activation, &rDotH, &nAct.input, &nAct.activation,
                    &zDotN, &zDotH, &ht},
                   m_reverse,
                   m_hidden},
                  *this, x, initial, run);
}

Rnn::Rnn(const std::string& path, const RecurrentParameters& p, const std::string& nonlinearity)
    : Layer(kType, path), wIh(*this, "w_ih", p.weightIh, p.biasIh), wHh(*this, "w_hh", p.weightHh, p.biasHh),
      hAct(*this, nonlinearity, "h_act", nonlinearity == "relu" ? elementwise::relu() : elementwise::tanh()),
      m_reverse(p.reverse), m_relu(nonlinearity == "relu"), m_hidden(p.weightHh.size(1)) {}

Gru::Outputs Rnn::forward(Value x, Value initial, Builder& run) {
    const Scope scope(*this, run);
    return record({m_relu ? "rnn_relu" : "rnn_tanh",
                   input,
                   h0,
                   output,
                   wIh,
                   wHh,
                   {&hAct.input, &hAct.activation},
                   m_reverse,
                   m_hidden},
                  *this, x, initial, run);
}

} // namespace fxp::quant
