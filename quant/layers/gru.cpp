#include "quant/layers/gru.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

namespace fxp::quant {

namespace {

/// What the recurrences of one state have in common: everything but the cell.
struct SimpleRecurrence {
    Slot &input, &h0, &output;
    Linear &wIh, &wHh;
    std::vector<const Slot*> cellSlots; ///< after the three of wHh; the last is the state's
    bool reverse;
    std::int64_t hidden;
};

constexpr std::size_t kFirstCellSlot = 3;

/// The next state from x's part of the gates, h's part, and the state; `q` quantizes for the cell's slot of a number.
using Quantize = std::function<at::Tensor(std::size_t, const at::Tensor&)>;
using Cell =
    std::function<at::Tensor(const at::Tensor& fromX, const at::Tensor& fromH, const at::Tensor& h, const Quantize& q)>;

Gru::Outputs record(const SimpleRecurrence& r, const Layer& layer, Value x, Value h0, Builder& run, const Cell& cell) {
    if (run.tensor(x).dim() != 3 || run.tensor(x).size(1) == 0)
        throw ShapeError(layer.path(), "the input must be [batch, steps, features], with at least one step");
    const std::int64_t steps = run.tensor(x).size(1), last = r.reverse ? 0 : steps - 1;
    run.log(layer, "input", x);
    const Value xq = run.quantize(r.input, x);
    run.setStepDimension(r.input, 1);
    const Value h = run.quantize(r.h0, h0.defined() ? h0 : zeroState(run, x, r.hidden));
    run.log(layer, "h0_quant", h);
    const Value gates = r.wIh.forward(xq, run, stepView(last, 1));
    run.setStepDimension(r.wIh.input, 1);
    run.setStepDimension(r.wIh.activation, 1);
    const Linear::Parameters hidden = r.wHh.quantizeParameters(run);

    std::vector<const Slot*> slots{&r.wHh.input, &r.wHh.accumulator, &r.wHh.activation};
    slots.insert(slots.end(), r.cellSlots.begin(), r.cellSlots.end());
    const std::size_t inner = slots.size();
    std::vector<Builder::InnerSlot> sites;
    for (std::size_t i = 0; i < inner; ++i)
        sites.push_back({slots[i], 2 * i, 2 * i + 1, 0});
    slots.insert(slots.end(), {&r.wHh.weight, &r.wHh.bias});
    const auto values = run.applyWithFormats(
        layer.type(), {gates, h, hidden.weightQuant, hidden.biasQuant}, slots, sites,
        [=, reverse = r.reverse](std::span<const at::Tensor> in, std::span<const SlotFormat> formats,
                                 AccumulatorUse* use) {
            StepValues values(formats, inner, steps);
            const HiddenProduct fromHidden(0, inner, in[2], in[3], values);
            at::Tensor state = in[1];
            for (const std::int64_t t : stepOrder(steps, reverse)) {
                const at::Tensor product = fromHidden(state, t, values, use);
                state = cell(in[0].select(1, t), product, state, [&](std::size_t slot, const at::Tensor& v) {
                    return values.quantize(kFirstCellSlot + slot, t, v);
                });
            }
            return values.stacked();
        });
    for (std::size_t i = 0; i < inner; ++i) {
        const LogView view = stepView(last);
        run.log(slots[i]->layer(), slots[i]->name(), values[2 * i], view);
        run.log(slots[i]->layer(), slots[i]->name() + "_quant", values[2 * i + 1], view);
    }
    const Value states = values[2 * inner - 1];
    const Value stacked =
        run.apply("transpose", {states}, [](std::span<const at::Tensor> in) { return in[0].transpose(0, 1); });
    const Value outputq = run.quantize(r.output, stacked);
    run.setStepDimension(r.output, 1);
    run.log(layer, "output", outputq);
    const Value hn =
        run.apply("last_step", {states}, [last](std::span<const at::Tensor> in) { return in[0].select(0, last); });
    return {outputq, hn};
}

} // namespace

Gru::Gru(const std::string& path, const RecurrentParameters& p)
    : Layer(kType, path), wIh(*this, "w_ih", p.weightIh, p.biasIh), wHh(*this, "w_hh", p.weightHh, p.biasHh),
      rAct(*this, "sigmoid", "r_act", functions::sigmoid()), zAct(*this, "sigmoid", "z_act", functions::sigmoid()),
      nAct(*this, "tanh", "n_act", functions::tanh()), m_reverse(p.reverse), m_hidden(p.weightHh.size(1)) {}

Gru::Outputs Gru::forward(Value x, Value initial, Builder& run) {
    enum { kRIn, kR, kZIn, kZ, kRDotH, kNIn, kN, kZDotN, kZDotH, kH };
    const SimpleRecurrence recurrence{input,
                                      h0,
                                      output,
                                      wIh,
                                      wHh,
                                      {&rAct.input, &rAct.activation, &zAct.input, &zAct.activation, &rDotH,
                                       &nAct.input, &nAct.activation, &zDotN, &zDotH, &ht},
                                      m_reverse,
                                      m_hidden};
    return record(recurrence, *this, x, initial, run,
                  [](const at::Tensor& fromX, const at::Tensor& fromH, const at::Tensor& h, const Quantize& q) {
                      const auto a = fromX.chunk(3, 1), b = fromH.chunk(3, 1);
                      const at::Tensor r = q(kR, at::sigmoid(q(kRIn, a[0] + b[0])));
                      const at::Tensor z = q(kZ, at::sigmoid(q(kZIn, a[1] + b[1])));
                      const at::Tensor n = q(kN, at::tanh(q(kNIn, a[2] + q(kRDotH, r * b[2]))));
                      return q(kH, q(kZDotN, (1 - z) * n) + q(kZDotH, z * h));
                  });
}

Rnn::Rnn(const std::string& path, const RecurrentParameters& p, const std::string& nonlinearity)
    : Layer(kType, path), wIh(*this, "w_ih", p.weightIh, p.biasIh), wHh(*this, "w_hh", p.weightHh, p.biasHh),
      hAct(*this, nonlinearity, "h_act", nonlinearity == "relu" ? functions::relu() : functions::tanh()),
      m_reverse(p.reverse), m_relu(nonlinearity == "relu"), m_hidden(p.weightHh.size(1)) {}

Gru::Outputs Rnn::forward(Value x, Value initial, Builder& run) {
    const SimpleRecurrence recurrence{input,     h0,      output, wIh, wHh, {&hAct.input, &hAct.activation},
                                      m_reverse, m_hidden};
    return record(
        recurrence, *this, x, initial, run,
        [relu = m_relu](const at::Tensor& fromX, const at::Tensor& fromH, const at::Tensor&, const Quantize& q) {
            const at::Tensor sum = q(0, fromX + fromH);
            return q(1, relu ? at::relu(sum) : at::tanh(sum));
        });
}

} // namespace fxp::quant
