#include "quant/core/functions.h"
#include "quant/ops/recurrence.h"

#include <ATen/ATen.h>

namespace fxp::quant {

namespace {

/// Computes the next state from x's part of the gates, h's part, and the state; `q` quantizes a value at the site of
/// that number.
using Quantize = std::function<at::Tensor(std::size_t, const at::Tensor&)>;
using Cell =
    std::function<at::Tensor(const at::Tensor& fromX, const at::Tensor& fromH, const at::Tensor& h, const Quantize& q)>;

Operator cellOperator(std::size_t sites, Cell cell) {
    return recurrentOperator([sites, cell = std::move(cell)](const StepContext& context) {
        const at::Tensor gates = tensorOf(context, "gates");
        const std::int64_t steps = gates.size(1);
        StepValues values(context, sites, steps);
        const HiddenProduct fromHidden(kHiddenInput, sites, tensorOf(context, "w_hh"), tensorOf(context, "b_hh"),
                                       values);
        at::Tensor state = tensorOf(context, "h");
        for (const std::int64_t t : stepOrder(steps, flag(context.arguments(), "reverse"))) {
            const at::Tensor product = fromHidden(state, t, values);
            state = cell(gates.select(1, t), product, state,
                         [&](std::size_t site, const at::Tensor& v) { return values.quantize(site, t, v); });
        }
        return values.stacked();
    });
}

at::Tensor gruCell(const at::Tensor& fromX, const at::Tensor& fromH, const at::Tensor& h, const Quantize& quantize) {
    using enum GruSite;
    const auto q = [&](GruSite site, const at::Tensor& v) { return quantize(static_cast<std::size_t>(site), v); };
    const auto a = fromX.chunk(3, 1), b = fromH.chunk(3, 1);
    const at::Tensor r = q(R, functions::sigmoid(q(RIn, a[0] + b[0])));
    const at::Tensor z = q(Z, functions::sigmoid(q(ZIn, a[1] + b[1])));
    const at::Tensor n = q(N, functions::tanh(q(NIn, a[2] + q(RDotH, r * b[2]))));
    return q(H, q(ZDotN, (1 - z) * n) + q(ZDotH, z * h));
}

Cell rnnCell(at::Tensor (*function)(const at::Tensor&)) {
    return [function](const at::Tensor& fromX, const at::Tensor& fromH, const at::Tensor&, const Quantize& q) {
        const at::Tensor sum = q(static_cast<std::size_t>(RnnSite::In), fromX + fromH);
        return q(static_cast<std::size_t>(RnnSite::H), function(sum));
    };
}

} // namespace

void addGru(OperatorTable& operators) {
    constexpr auto kGruSites = static_cast<std::size_t>(GruSite::Count),
                   kRnnSites = static_cast<std::size_t>(RnnSite::Count);
    operators["gru"] = cellOperator(kGruSites, gruCell);
    operators["rnn_tanh"] = cellOperator(kRnnSites, rnnCell([](const at::Tensor& x) { return functions::tanh(x); }));
    operators["rnn_relu"] = cellOperator(kRnnSites, rnnCell([](const at::Tensor& x) { return at::relu(x); }));
}

} // namespace fxp::quant
