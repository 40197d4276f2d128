#include "quant/layers/lstm.h"

#include "quant/core/error.h"
#include "quant/ops/recurrence.h"

namespace fxp::quant {

namespace {

/// The results of the recurrence at a site.
template <class S> std::size_t before(S site) {
    return 2 * static_cast<std::size_t>(site);
}
template <class S> std::size_t after(S site) {
    return 2 * static_cast<std::size_t>(site) + 1;
}

} // namespace

Value zeroState(Builder& run, Value x, std::int64_t size) {
    return run.call("zeros", {x, {"size", size}});
}

std::vector<Value> recordRecurrence(Builder& run, const std::string& op, const Operands& operands,
                                    const std::vector<const Slot*>& slots, const std::vector<const Slot*>& parameters) {
    std::vector<SlotInfo> formats;
    std::vector<Builder::InnerSlot> sites;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        formats.push_back(slots[i]->info());
        formats.back().stepDimension = 0;
        sites.push_back({formats.back(), before(i), after(i)});
    }
    for (const Slot* slot : parameters)
        formats.push_back(slot->info());
    return run.applyWithFormats(op, operands, formats, sites);
}

Lstm::Lstm(const std::string& path, const RecurrentParameters& p)
    : Layer(kType, path), wIh(*this, "w_ih", p.weightIh, p.biasIh), wHh(*this, "w_hh", p.weightHh, p.biasHh),
      iAct(*this, "sigmoid", "i_act", elementwise::sigmoid(), "sigmoid_i"),
      fAct(*this, "sigmoid", "f_act", elementwise::sigmoid(), "sigmoid_f"),
      gAct(*this, "tanh", "g_act", elementwise::tanh(), "tanh_g"),
      oAct(*this, "sigmoid", "o_act", elementwise::sigmoid(), "sigmoid_o"),
      ctTanh(*this, "tanh", "ct_tanh", elementwise::tanh(), "tanh_ct"), m_reverse(p.reverse),
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
    const Scope scope(*this, run);
    log(run, "input", inputs.x);
    const Value x = run.quantize(input.info(), inputs.x);
    run.setStepDimension(input.info(), 1);
    const Value h = run.quantize(h0.info(), inputs.h0.defined() ? inputs.h0 : zeroState(run, inputs.x, m_state));
    const Value c = run.quantize(c0.info(), inputs.c0.defined() ? inputs.c0 : zeroState(run, inputs.x, m_hidden));
    log(run, "h0_quant", h);
    log(run, "c0_quant", c);
    const std::int64_t last = m_reverse ? 0 : steps - 1;
    const Value gates = wIh.forward(x, run, LogView::select(1, last));
    run.setStepDimension(wIh.input.info(), 1);
    run.setStepDimension(wIh.activation.info(), 1);
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
    std::vector<const Slot*> parameters{&wHh.weight, &wHh.bias};
    Operands operands{{"gates", gates}, {"h", h}, {"c", c}, {"w_hh", hidden.weightQuant}, {"b_hh", hidden.biasQuant}};
    if (wHr) {
        slots.insert(slots.end(), {&wHr->input, &wHr->accumulator, &wHr->activation});
        parameters.insert(parameters.end(), {&wHr->weight, &wHr->bias});
        operands.push_back({"w_hr", wHr->quantizeParameters(run).weightQuant});
    }
    operands.push_back({"reverse", m_reverse});
    const auto values = recordRecurrence(run, kType, operands, slots, parameters);
    logSteps(run, values, hidden, inputs.x, x, steps);

    const auto atLast = [&](Value all) { return run.call("aten::select.int", {all, 0, last}); };
    const Value states =
        values[wHr ? after(static_cast<std::size_t>(LstmSite::ProjectionIn) + kHiddenActivation) : after(LstmSite::H)];
    const Value stacked = run.call("aten::transpose.int", {states, 0, 1});
    const Outputs outputs{run.quantize(output.info(), stacked), atLast(states), atLast(values[after(LstmSite::C)])};
    run.setStepDimension(output.info(), 1);
    log(run, "output", outputs.output);
    log(run, "hn", outputs.hn, LogView::unsqueeze());
    log(run, "cn", outputs.cn, LogView::unsqueeze());
    return outputs;
}

void Lstm::logSteps(Builder& run, const std::vector<Value>& values, const Linear::Parameters& hidden, Value x, Value xq,
                    std::int64_t steps) const {
    using enum LstmSite;
    // In the log, the entries of a nested layer are those of its last call.
    const LogView last = LogView::select(0, m_reverse ? 0 : steps - 1);
    wHh.log(run, "input", values[before(kHiddenInput)], last);
    wHh.log(run, "input_quant", values[after(kHiddenInput)], last);
    wHh.logParameters(run, hidden);
    wHh.log(run, "activation", values[after(kHiddenAccumulator)], last);
    wHh.log(run, "output", values[after(kHiddenActivation)], last);
    const auto logGate = [&](const Elementwise& layer, LstmSite in, LstmSite out) {
        layer.log(run, "input", values[before(in)], last);
        layer.log(run, "input_quant", values[after(in)], last);
        layer.log(run, "output_pre_quant", values[before(out)], last);
        layer.log(run, "output", values[after(out)], last);
    };
    logGate(iAct, IIn, I);
    logGate(fAct, FIn, F);
    logGate(gAct, GIn, G);
    logGate(oAct, OIn, O);
    logGate(ctTanh, TanhIn, Tanh);
    for (const std::int64_t t : stepOrder(steps, m_reverse)) {
        const std::string scope = "t" + std::to_string(t) + ".";
        log(run, scope + "x_t", x, LogView::select(1, t));
        log(run, scope + "x_t_quant", xq, LogView::select(1, t));
        const auto logStep = [&](const char* name, std::size_t value) {
            log(run, scope + name, values[value], LogView::select(0, t));
        };
        logStep("i_lin", before(IIn));
        logStep("f_lin", before(FIn));
        logStep("g_lin", before(GIn));
        logStep("o_lin", before(OIn));
        logStep("i", after(I));
        logStep("f", after(F));
        logStep("g", after(G));
        logStep("o", after(O));
        logStep("f_dot_c_t", after(FDotC));
        logStep("i_dot_g", after(IDotG));
        logStep("c_t", after(C));
        logStep("h_t", after(H));
    }
}

} // namespace fxp::quant
