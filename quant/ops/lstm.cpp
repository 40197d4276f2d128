#include "quant/core/functions.h"
#include "quant/ops/recurrence.h"

#include <ATen/ATen.h>

#include <optional>

namespace fxp::quant {

namespace {

Tensors lstm(const StepContext& context) {
    using enum LstmSite;
    const at::Tensor gates = tensorOf(context, "gates"), projectionWeight = tensorOf(context, "w_hr");
    const std::int64_t steps = gates.size(1);
    const std::size_t projected = static_cast<std::size_t>(ProjectionIn) + kHiddenSites,
                      sites = projectionWeight.defined() ? projected : static_cast<std::size_t>(Count);
    StepValues values(context, sites, steps);
    const HiddenProduct fromHidden(kHiddenInput, sites, tensorOf(context, "w_hh"), tensorOf(context, "b_hh"), values);
    std::optional<HiddenProduct> projection;
    if (projectionWeight.defined())
        projection.emplace(static_cast<std::size_t>(ProjectionIn), sites + 2, projectionWeight, at::Tensor(), values);
    at::Tensor state = tensorOf(context, "h"), cell = tensorOf(context, "c");
    for (const std::int64_t t : stepOrder(steps, flag(context.arguments(), "reverse"))) {
        const auto q = [&](LstmSite site, const at::Tensor& v) {
            return values.quantize(static_cast<std::size_t>(site), t, v);
        };
        const auto gate = (gates.select(1, t) + fromHidden(state, t, values)).chunk(4, 1);
        const at::Tensor i = q(I, functions::sigmoid(q(IIn, gate[0]))), f = q(F, functions::sigmoid(q(FIn, gate[1])));
        const at::Tensor g = q(G, functions::tanh(q(GIn, gate[2]))), o = q(O, functions::sigmoid(q(OIn, gate[3])));
        const at::Tensor kept = q(FDotC, f * cell), added = q(IDotG, i * g);
        cell = q(C, kept + added);
        state = q(H, o * q(Tanh, functions::tanh(q(TanhIn, cell))));
        if (projection)
            state = (*projection)(state, t, values);
    }
    return values.stacked();
}

} // namespace

void addLstm(OperatorTable& operators) {
    operators["lstm"] = recurrentOperator(lstm);
}

} // namespace fxp::quant
