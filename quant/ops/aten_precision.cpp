#include "quant/ops/aten_precision.h"

#include "quant/core/float_product.h"
#include "quant/core/functions.h"
#include "quant/ops/aten_composed.h"
#include "quant/ops/convolution_places.h"
#include "quant/ops/operator_names.h"
#include "quant/ops/operator_table.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_set>

namespace fxp::quant {

namespace {

/// Without namespace, overload and the mark of an in-place variant.
std::string baseName(const std::string& name) {
    const std::size_t begin = name.find("::") + 2;
    std::string base = name.substr(begin, name.find('.', begin) - begin);
    if (base.size() > 1 && base.back() == '_' && base[base.size() - 2] != '_')
        base.pop_back();
    return base;
}

bool roundsOnceOrNever(const std::string& base) {
    // Sums, products, quotients and roots of IEEE 754 are rounded once; the others select, compare or count.
    static const std::unordered_set<std::string> kNames{"add",
                                                        "sub",
                                                        "rsub",
                                                        "mul",
                                                        "div",
                                                        "true_divide",
                                                        "divide",
                                                        "multiply",
                                                        "subtract",
                                                        "neg",
                                                        "negative",
                                                        "abs",
                                                        "absolute",
                                                        "sqrt",
                                                        "square",
                                                        "reciprocal",
                                                        "relu",
                                                        "relu6",
                                                        "hardtanh",
                                                        "threshold",
                                                        "clamp",
                                                        "clip",
                                                        "clamp_min",
                                                        "clamp_max",
                                                        "leaky_relu",
                                                        "prelu",
                                                        "maximum",
                                                        "minimum",
                                                        "max",
                                                        "min",
                                                        "amax",
                                                        "amin",
                                                        "aminmax",
                                                        "fmax",
                                                        "fmin",
                                                        "argmax",
                                                        "argmin",
                                                        "sort",
                                                        "argsort",
                                                        "topk",
                                                        "kthvalue",
                                                        "median",
                                                        "where",
                                                        "floor",
                                                        "ceil",
                                                        "round",
                                                        "trunc",
                                                        "sign",
                                                        "sgn",
                                                        "eq",
                                                        "ne",
                                                        "lt",
                                                        "le",
                                                        "gt",
                                                        "ge",
                                                        "isnan",
                                                        "isinf",
                                                        "isfinite",
                                                        "logical_and",
                                                        "logical_or",
                                                        "logical_not",
                                                        "logical_xor",
                                                        "bitwise_and",
                                                        "bitwise_or",
                                                        "bitwise_not",
                                                        "nonzero",
                                                        "any",
                                                        "all",
                                                        "cat",
                                                        "concat",
                                                        "stack",
                                                        "hstack",
                                                        "vstack",
                                                        "max_pool1d",
                                                        "max_pool2d",
                                                        "max_pool3d",
                                                        "max_pool2d_with_indices",
                                                        "adaptive_max_pool2d",
                                                        "embedding",
                                                        "one_hot",
                                                        "bucketize",
                                                        "searchsorted",
                                                        "scatter",
                                                        "index_put",
                                                        "_index_put_impl",
                                                        "index_copy",
                                                        "index_fill",
                                                        "masked_scatter",
                                                        "masked_select",
                                                        "tril",
                                                        "triu",
                                                        "diag",
                                                        "diag_embed",
                                                        "zeros_like",
                                                        "ones_like",
                                                        "full_like",
                                                        "empty_like",
                                                        "upsample_nearest1d",
                                                        "upsample_nearest2d",
                                                        "upsample_nearest3d",
                                                        "real",
                                                        "imag",
                                                        "view_as_real",
                                                        "view_as_complex",
                                                        "nan_to_num",
                                                        "heaviside",
                                                        "copysign"};
    return kNames.contains(base);
}

ConvolutionArguments atenConvolutionArguments(const std::string& base, const Arguments& a) {
    const auto list = [&a](std::size_t place) { return integers({{"", a.at(place).value}}, ""); };
    const bool isGeneral = base == "_convolution" || base == "convolution";
    ConvolutionArguments result;
    result.transposed = isGeneral ? flag({{"", a.at(6).value}}, "") : base.starts_with("conv_transpose");
    const ConvolutionPlaces places(isGeneral, result.transposed);
    result.stride = list(places.stride);
    result.padding = list(places.padding);
    result.dilation = list(places.dilation);
    if (places.outputPadding)
        result.outputPadding = list(*places.outputPadding);
    result.groups = integer({{"", a.at(places.groups).value}}, "");
    return result;
}

bool isOne(const StepContext& context, std::size_t place) {
    if (place >= context.arguments().size())
        return true; // the default
    const auto& value = context.arguments()[place].value.value;
    const auto* integer = std::get_if<std::int64_t>(&value);
    const auto* real = std::get_if<double>(&value);
    return (integer && *integer == 1) || (real && *real == 1.0);
}

std::optional<at::Tensor> convolution(const std::string& base, const StepContext& context) {
    const at::Tensor x = tensorAt(context, 0), w = tensorAt(context, 1);
    const Arguments& a = context.arguments();
    if (!x.defined() || !w.defined() || a.size() < 7 || !std::holds_alternative<Argument::List>(a[4].value.value) ||
        (x.dim() != w.dim() && x.dim() != w.dim() - 1))
        return std::nullopt;
    ConvolutionArguments arguments = atenConvolutionArguments(base, a);
    for (auto* list : {&arguments.stride, &arguments.padding, &arguments.dilation, &arguments.outputPadding}) {
        if (list->size() == 1) // one number for all dimensions
            list->resize(static_cast<std::size_t>(w.dim() - 2), list->front());
    }
    if (x.dim() == w.dim())
        return floatConvolution(x, w, tensorAt(context, 2), arguments);
    return floatConvolution(x.unsqueeze(0), w, tensorAt(context, 2), arguments).squeeze(0);
}

std::optional<at::Tensor> addmm(const StepContext& context) {
    if (!isOne(context, 3) || !isOne(context, 4))
        return std::nullopt;
    return at::add(floatMatmul(tensorAt(context, 1), tensorAt(context, 2)), tensorAt(context, 0));
}

/// A function of one tensor from core/functions.h.
std::optional<at::Tensor> function(const std::string& base, const StepContext& context) {
    const at::Tensor& x = context.inputs[0];
    if (base == "exp")
        return functions::exp(x);
    if (base == "sigmoid")
        return functions::sigmoid(x);
    if (base == "tanh")
        return functions::tanh(x);
    if (base == "silu")
        return functions::silu(x);
    if (base == "erf")
        return functions::erf(x);
    if (base == "log")
        return functions::log(x);
    if (base == "rsqrt")
        return functions::rsqrt(x);
    if (base == "sin")
        return functions::sin(x);
    if (base == "cos")
        return functions::cos(x);
    return std::nullopt;
}

} // namespace

bool isSequence(const std::string& name) {
    const std::string base = baseName(name);
    return base == "arange" || base == "linspace" || base == "logspace";
}

Precision precisionOf(const StepContext& context) {
    const std::string& name = context.step.op;
    const std::string base = baseName(name);
    if (isSequence(name))
        return Precision::Wide;
    if (movesValues(base) || dependsOnShapeAlone(base))
        return Precision::AsItIs;
    // Complex products are sums of products, a scaled sum may or may not be fused, and a division with a rounding mode
    // is not one rounding.
    const bool complex = std::ranges::any_of(
        context.inputs, [](const at::Tensor& input) { return input.defined() && input.is_complex(); });
    const bool scaled = (base == "add" || base == "sub" || base == "rsub") && !isOne(context, 2);
    const bool divides = base == "div" && name.find("_mode") != std::string::npos;
    const auto* accumulates =
        context.arguments().size() > 3 ? std::get_if<bool>(&context.arguments()[3].value.value) : nullptr;
    const bool adds = (base == "index_put" || base == "_index_put_impl") && accumulates && *accumulates;
    return roundsOnceOrNever(base) && !complex && !scaled && !divides && !adds ? Precision::AsItIs : Precision::Wide;
}

std::optional<at::Tensor> reproducible(const std::string& name, const StepContext& context) {
    const std::string base = baseName(name);
    for (const at::Tensor& input : context.inputs) {
        if (input.defined() && input.scalar_type() != at::kFloat)
            return std::nullopt;
    }
    if ((base == "matmul" || base == "mm" || base == "bmm" || base == "mv") && context.inputs.size() == 2)
        return floatMatmul(context.inputs[0], context.inputs[1]);
    if (base == "linear" && context.inputs.size() >= 2)
        return floatLinear(context.inputs[0], context.inputs[1], tensorAt(context, 2));
    if (base == "addmm" && context.inputs.size() == 3)
        return addmm(context);
    if (base.starts_with("conv") || base == "_convolution")
        return convolution(base, context);
    if (context.inputs.size() == 1 && context.arguments().size() == 1) {
        if (const auto result = function(base, context))
            return result;
    }
    return composed(base, context);
}

} // namespace fxp::quant
