#include "quant/ops/operator_table.h"

#include <utility>

namespace fxp::quant {

namespace {

at::Tensor fill(const StepContext& context, const Argument* argument) {
    const Hole* hole = argument ? std::get_if<Hole>(&argument->value) : nullptr;
    return hole ? context.inputs[static_cast<std::size_t>(hole->input)] : at::Tensor();
}

} // namespace

at::Tensor tensorAt(const StepContext& context, std::size_t place) {
    const Arguments& arguments = context.arguments();
    return fill(context, place < arguments.size() ? &arguments[place].value : nullptr);
}

at::Tensor tensorOf(const StepContext& context, const std::string& name) {
    return fill(context, find(context.arguments(), name));
}

Operator plainOperator(std::function<at::Tensor(const StepContext&)> function) {
    return {[run = std::move(function)](const StepContext& context) { return Tensors{run(context)}; },
            [](const Step&) { return std::vector<FormatRead>{}; }};
}

} // namespace fxp::quant
