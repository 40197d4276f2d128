#include "quant/layers/lstm.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

namespace fxp::quant {

namespace {

/// The slots of the recurrence, in the order of computation.
enum Inner : std::size_t {
    kHhInput,
    kHhAccumulator,
    kHhActivation,
    kIIn,
    kI,
    kFIn,
    kF,
    kGIn,
    kG,
    kOIn,
    kO,
    kFDotC,
    kIDotG,
    kC,
    kTanhIn,
    kTanh,
    kH,
    kInner,            ///< their number without a projection
    kHrInput = kInner, // with one, these follow
    kHrAccumulator,
    kHrActivation,
    kInnerProjected
};

std::size_t before(std::size_t slot) {
    return 2 * slot;
}
std::size_t after(std::size_t slot) {
    return 2 * slot + 1;
}

} // namespace

Lstm::Lstm(const std::string& path, const RecurrentParameters& p)
    : Layer(kType, path), wIh(*this, "w_ih", p.weightIh, p.biasIh), wHh(*this, "w_hh", p.weightHh, p.biasHh),
      iAct(*this, "sigmoid", "i_act", functions::sigmoid(), "sigmoid_i"),
      fAct(*this, "sigmoid", "f_act", functions::sigmoid(), "sigmoid_f"),
      gAct(*this, "tanh", "g_act", functions::tanh(), "tanh_g"),
      oAct(*this, "sigmoid", "o_act", functions::sigmoid(), "sigmoid_o"),
      ctTanh(*this, "tanh", "ct_tanh", functions::tanh(), "tanh_ct"), m_reverse(p.reverse),
      m_hidden(p.weightIh.size(0) / 4), m_state(p.weightHh.size(1)) {
    if (p.weightHr.defined()) {
        wHr.emplace(*this, "w_hr", p.weightHr, at::Tensor());
        markExtension(*wHr);
    }
}

Lstm::Outputs Lstm::forward(const Inputs& inputs, Builder& run) {
    if (run.tensor(inputs.x).dim() != 3)
        throw ShapeError(path(), "the input must be [batch, steps, features]");
    const std::int64_t steps = run.tensor(inputs.x).size(1);
    if (steps == 0)
        throw ShapeError(path(), "the input has no time steps");
    run.log(*this, "input", inputs.x);
    const Value x = run.quantize(input, inputs.x);
    run.setStepDimension(input, 1);
    const Value h = run.quantize(h0, inputs.h0.defined() ? inputs.h0 : zeroState(run, inputs.x, m_state));
    const Value c = run.quantize(c0, inputs.c0.defined() ? inputs.c0 : zeroState(run, inputs.x, m_hidden));
    run.log(*this, "h0_quant", h);
    run.log(*this, "c0_quant", c);
    const Value gates = wIh.forward(x, run, stepView(m_reverse ? 0 : steps - 1, 1));
    run.setStepDimension(wIh.input, 1);
    run.setStepDimension(wIh.activation, 1);
    const Linear::Parameters hidden = wHh.quantizeParameters(run);

    std::vector<const Slot*> slots{&wHh.input,
                                   &wHh.accumulator,
                                   &wHh.activation,
                                   &iAct.input,
                                   &iAct.activation,
                                   &fAct.input,
                                   &fAct.activation,
                                   &gAct.input,
                                   &gAct.activation,
                                   &oAct.input,
                                   &oAct.activation,
                                   &fDotC,
                                   &iDotG,
                                   &ct,
                                   &ctTanh.input,
                                   &ctTanh.activation,
                                   &ht};
    std::vector<Value> operands{gates, h, c, hidden.weightQuant, hidden.biasQuant};
    const bool projected = wHr.has_value();
    if (projected) {
        slots.insert(slots.end(), {&wHr->input, &wHr->accumulator, &wHr->activation});
        operands.push_back(wHr->quantizeParameters(run).weightQuant);
    }
    const std::size_t inner = slots.size();
    std::vector<Builder::InnerSlot> sites;
    for (std::size_t i = 0; i < inner; ++i)
        sites.push_back({slots[i], before(i), after(i), 0});
    slots.insert(slots.end(), {&wHh.weight, &wHh.bias});
    if (projected)
        slots.insert(slots.end(), {&wHr->weight, &wHr->bias});

    const auto recurrence = [=, reverse = m_reverse](std::span<const at::Tensor> in,
                                                     std::span<const SlotFormat> formats, AccumulatorUse* use) {
        StepValues values(formats, inner, steps);
        const HiddenProduct fromHidden(kHhInput, inner, in[3], in[4], values);
        std::optional<HiddenProduct> projection;
        if (projected)
            projection.emplace(kHrInput, inner + 2, in[5], at::Tensor(), values);
        at::Tensor state = in[1], cell = in[2];
        for (const std::int64_t t : stepOrder(steps, reverse)) {
            const auto q = [&](std::size_t slot, const at::Tensor& v) { return values.quantize(slot, t, v); };
            const auto gate = (in[0].select(1, t) + fromHidden(state, t, values, use)).chunk(4, 1);
            const at::Tensor i = q(kI, at::sigmoid(q(kIIn, gate[0]))), f = q(kF, at::sigmoid(q(kFIn, gate[1])));
            const at::Tensor g = q(kG, at::tanh(q(kGIn, gate[2]))), o = q(kO, at::sigmoid(q(kOIn, gate[3])));
            const at::Tensor kept = q(kFDotC, f * cell), added = q(kIDotG, i * g);
            cell = q(kC, kept + added);
            state = q(kH, o * q(kTanh, at::tanh(q(kTanhIn, cell))));
            if (projection)
                state = (*projection)(state, t, values, nullptr);
        }
        return values.stacked();
    };
    const auto values = run.applyWithFormats("lstm", operands, slots, sites, recurrence);
    log(run, values, hidden, inputs.x, x, steps);

    const std::int64_t last = m_reverse ? 0 : steps - 1;
    const auto atLast = [&](Value all) {
        return run.apply("last_step", {all}, [last](std::span<const at::Tensor> in) { return in[0].select(0, last); });
    };
    const Value states = values[after(projected ? kHrActivation : kH)];
    const Value stacked =
        run.apply("transpose", {states}, [](std::span<const at::Tensor> in) { return in[0].transpose(0, 1); });
    const Outputs outputs{run.quantize(output, stacked), atLast(states), atLast(values[after(kC)])};
    run.setStepDimension(output, 1);
    const auto withLayer = [](const at::Tensor& state) { return state.unsqueeze(0); };
    run.log(*this, "output", outputs.output);
    run.log(*this, "hn", outputs.hn, withLayer);
    run.log(*this, "cn", outputs.cn, withLayer);
    return outputs;
}

void Lstm::log(Builder& run, const std::vector<Value>& values, const Linear::Parameters& hidden, Value x, Value xq,
               std::int64_t steps) {
    // A nested layer's entries are those of its last call.
    const LogView last = stepView(m_reverse ? 0 : steps - 1);
    run.log(wHh, "input", values[before(kHhInput)], last);
    run.log(wHh, "input_quant", values[after(kHhInput)], last);
    wHh.logParameters(run, hidden);
    run.log(wHh, "activation", values[after(kHhAccumulator)], last);
    run.log(wHh, "output", values[after(kHhActivation)], last);
    const auto logGate = [&](const Elementwise& layer, std::size_t in, std::size_t out) {
        run.log(layer, "input", values[before(in)], last);
        run.log(layer, "input_quant", values[after(in)], last);
        run.log(layer, "output_pre_quant", values[before(out)], last);
        run.log(layer, "output", values[after(out)], last);
    };
    logGate(iAct, kIIn, kI);
    logGate(fAct, kFIn, kF);
    logGate(gAct, kGIn, kG);
    logGate(oAct, kOIn, kO);
    logGate(ctTanh, kTanhIn, kTanh);
    for (const std::int64_t t : stepOrder(steps, m_reverse)) {
        const std::string scope = "t" + std::to_string(t) + ".";
        run.log(*this, scope + "x_t", x, stepView(t, 1));
        run.log(*this, scope + "x_t_quant", xq, stepView(t, 1));
        const auto logStep = [&](const char* name, std::size_t value) {
            run.log(*this, scope + name, values[value], stepView(t));
        };
        logStep("i_lin", before(kIIn));
        logStep("f_lin", before(kFIn));
        logStep("g_lin", before(kGIn));
        logStep("o_lin", before(kOIn));
        logStep("i", after(kI));
        logStep("f", after(kF));
        logStep("g", after(kG));
        logStep("o", after(kO));
        logStep("f_dot_c_t", after(kFDotC));
        logStep("i_dot_g", after(kIDotG));
        logStep("c_t", after(kC));
        logStep("h_t", after(kH));
    }
}

} // namespace fxp::quant
