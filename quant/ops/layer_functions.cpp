#include "quant/ops/layer_functions.h"

#include "quant/core/functions.h"

#include <ATen/ATen.h>

#include <limits>

namespace fxp::quant {

namespace {

/// The mask in the form that is added to scores: a float mask unchanged; of a bool mask −∞ where it equals `masked`,
/// else 0. Keys appended after the mask's own are visible.
at::Tensor additiveMask(const at::Tensor& mask, bool masked, std::int64_t appended = 0) {
    at::Tensor added = mask;
    if (mask.scalar_type() == at::kBool) {
        const at::Tensor hidden = masked ? mask : mask.logical_not();
        added = at::zeros(mask.sizes(), at::kFloat).masked_fill(hidden, -std::numeric_limits<float>::infinity());
    }
    return appended > 0 ? at::constant_pad_nd(added, {0, appended}, 0) : added;
}

at::Tensor causalMask(const StepContext& context) {
    const at::Tensor scores = tensorAt(context, 0);
    const at::Tensor visible = at::ones({scores.size(-2), scores.size(-1)}, at::kBool).tril();
    return scores + additiveMask(visible, false);
}

at::Tensor addMask(const StepContext& context) {
    const Arguments& arguments = context.arguments();
    return tensorAt(context, 0) +
           additiveMask(tensorAt(context, 1), flag(arguments, "masked"), integer(arguments, "appended"));
}

at::Tensor splitHeads(const StepContext& context) {
    const at::Tensor x = tensorAt(context, 0);
    const std::int64_t heads = integer(context.arguments(), "heads"), batch = x.size(0), steps = x.size(1),
                       depth = x.size(2) / heads;
    return x.reshape({batch, steps, heads, depth}).transpose(1, 2).reshape({batch * heads, steps, depth});
}

at::Tensor byBatch(const StepContext& context) {
    const at::Tensor x = tensorAt(context, 0);
    const std::int64_t heads = integer(context.arguments(), "heads");
    return x.reshape({x.size(0) / heads, heads, x.size(1), x.size(2)});
}

at::Tensor mergeHeads(const StepContext& context) {
    return byBatch(context).transpose(1, 2).flatten(2);
}

at::Tensor addKeyPaddingMask(const StepContext& context) {
    const at::Tensor scores = tensorAt(context, 0);
    const at::Tensor mask = additiveMask(tensorAt(context, 1), true, integer(context.arguments(), "appended"));
    return (byBatch(context) + mask.unsqueeze(1).unsqueeze(1)).reshape(scores.sizes());
}

at::Tensor appendRow(const StepContext& context) {
    const at::Tensor x = tensorAt(context, 0);
    return at::cat({x, tensorAt(context, 1).reshape({1, 1, -1}).expand({x.size(0), 1, x.size(2)})}, 1);
}

at::Tensor affine(const StepContext& context) {
    const at::Tensor x = tensorOf(context, "x"), weight = tensorOf(context, "weight"), bias = tensorOf(context, "bias");
    const at::Tensor product = weight.defined() ? x * weight : x;
    return bias.defined() ? product + bias : product;
}

void addFunctions(OperatorTable& operators) {
    operators["sigmoid"] = plainOperator([](const StepContext& c) { return functions::sigmoid(tensorAt(c, 0)); });
    operators["tanh"] = plainOperator([](const StepContext& c) { return functions::tanh(tensorAt(c, 0)); });
    operators["gelu"] = plainOperator([](const StepContext& c) {
        return functions::gelu(tensorAt(c, 0), text(c.arguments(), "approximate") == "tanh");
    });
    operators["softmax"] = plainOperator(
        [](const StepContext& c) { return functions::softmax(tensorAt(c, 0), integer(c.arguments(), "dim")); });
    operators["mean"] = plainOperator([](const StepContext& c) {
        return functions::mean(tensorAt(c, 0), integers(c.arguments(), "dims"), flag(c.arguments(), "keepdim"));
    });
    operators["variance"] = plainOperator([](const StepContext& c) {
        return functions::variance(tensorAt(c, 0), integers(c.arguments(), "dims"), flag(c.arguments(), "keepdim"));
    });
    operators["normalize"] = plainOperator([](const StepContext& c) {
        return functions::normalize(tensorOf(c, "x"), tensorOf(c, "mean"), tensorOf(c, "variance"),
                                    real(c.arguments(), "eps"));
    });
    operators["affine"] = plainOperator(affine);
}

} // namespace

void addLayerOperators(OperatorTable& operators) {
    addFunctions(operators);
    operators["causal_mask"] = plainOperator(causalMask);
    operators["add_mask"] = plainOperator(addMask);
    operators["add_key_padding_mask"] = plainOperator(addKeyPaddingMask);
    operators["split_heads"] = plainOperator(splitHeads);
    operators["merge_heads"] = plainOperator(mergeHeads);
    operators["by_batch"] = plainOperator(byBatch);
    operators["append_row"] = plainOperator(appendRow);
    operators["zeros"] = plainOperator([](const StepContext& c) {
        return at::zeros({tensorAt(c, 0).size(0), integer(c.arguments(), "size")}, at::kFloat);
    });
}

} // namespace fxp::quant
