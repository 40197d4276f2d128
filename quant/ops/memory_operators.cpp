#include "quant/ops/memory_operators.h"

#include <ATen/ATen.h>

namespace fxp::quant {

namespace {

at::Tensor viewOf(const at::Tensor& flat, const Arguments& arguments, const std::string& prefix) {
    return flat.as_strided(integers(arguments, prefix + "sizes"), integers(arguments, prefix + "strides"),
                           integer(arguments, prefix + "offset"));
}

/// The memory as one row; elements that belong to no recorded tensor are zero.
at::Tensor flatOf(const StepContext& context) {
    const at::Tensor& held = context.inputs[0];
    const at::Tensor flat = at::zeros({integer(context.arguments(), "elements")}, held.options());
    viewOf(flat, context.arguments(), "from_").copy_(held);
    return flat;
}

Tensors readMemory(const StepContext& context) {
    return {viewOf(flatOf(context), context.arguments(), "").clone(at::MemoryFormat::Contiguous)};
}

Tensors writeMemory(const StepContext& context) {
    const at::Tensor flat = flatOf(context);
    viewOf(flat, context.arguments(), "").copy_(context.inputs[1]);
    return {flat};
}

} // namespace

void addMemoryOperators(OperatorTable& table) {
    table["read_memory"] = {readMemory, {}};
    table["write_memory"] = {writeMemory, {}};
}

} // namespace fxp::quant
