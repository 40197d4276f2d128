#include "quant/ops/aten_composed.h"

#include "quant/core/functions.h"
#include "quant/ops/operator_table.h"

#include <ATen/ATen.h>

#include <numeric>

namespace fxp::quant {

namespace {

const Argument* argumentAt(const StepContext& context, std::size_t place) {
    return place < context.arguments().size() ? &context.arguments()[place].value : nullptr;
}

/// The argument at that place as a number; `otherwise` where there is none.
double number(const StepContext& context, std::size_t place, double otherwise) {
    const Argument* argument = argumentAt(context, place);
    if (!argument)
        return otherwise;
    if (const auto* real = std::get_if<double>(&argument->value))
        return *real;
    const auto* integer = std::get_if<std::int64_t>(&argument->value);
    return integer ? static_cast<double>(*integer) : otherwise;
}

bool isTrue(const StepContext& context, std::size_t place) {
    const Argument* argument = argumentAt(context, place);
    const auto* flag = argument ? std::get_if<bool>(&argument->value) : nullptr;
    return flag && *flag;
}

/// Whether the type asked for is float32, or none is.
bool staysFloat(const StepContext& context, std::size_t place) {
    const Argument* argument = argumentAt(context, place);
    const auto* type = argument ? std::get_if<std::int64_t>(&argument->value) : nullptr;
    return !argument || argument->isNone() || (type && *type == static_cast<std::int64_t>(at::kFloat));
}

std::vector<std::int64_t> numbers(const StepContext& context, std::size_t place) {
    const Argument* argument = argumentAt(context, place);
    if (!argument || argument->isNone())
        return {};
    if (const auto* one = std::get_if<std::int64_t>(&argument->value))
        return {*one};
    return integers({{"", *argument}}, "");
}

at::Tensor wide(const at::Tensor& x) {
    return x.to(at::kDouble);
}

/// The sum over the dimensions (all of them where `dims` is empty), added up one element after the other.
at::Tensor orderedSum(const at::Tensor& x, std::vector<std::int64_t> dims, bool keepdim) {
    if (dims.empty()) {
        dims.resize(static_cast<std::size_t>(x.dim()));
        std::iota(dims.begin(), dims.end(), std::int64_t{0});
    }
    std::vector<char> reduced(static_cast<std::size_t>(x.dim()), 0);
    for (const std::int64_t dim : dims)
        reduced[static_cast<std::size_t>(dim < 0 ? dim + x.dim() : dim)] = 1;
    std::vector<std::int64_t> order, kept, shape;
    for (std::int64_t i = 0; i < x.dim(); ++i) {
        const bool isReduced = reduced[static_cast<std::size_t>(i)] != 0;
        if (!isReduced) {
            order.push_back(i);
            kept.push_back(x.size(i));
        }
        if (!isReduced || keepdim)
            shape.push_back(isReduced ? 1 : x.size(i));
    }
    for (std::int64_t i = 0; i < x.dim(); ++i) {
        if (reduced[static_cast<std::size_t>(i)])
            order.push_back(i);
    }
    if (x.numel() == 0)
        return at::zeros(shape, x.options());
    kept.push_back(-1);
    // A running sum has only one order of summation; its last element is the sum.
    const at::Tensor running = x.permute(order).reshape(kept).cumsum(-1);
    return running.select(-1, running.size(-1) - 1).reshape(shape);
}

/// γ and β, either of which may be absent, along dimension 1.
at::Tensor scaled(at::Tensor y, const at::Tensor& gamma, const at::Tensor& beta) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(y.dim()), 1);
    shape[1] = -1;
    if (gamma.defined())
        y = y * wide(gamma).reshape(shape);
    return beta.defined() ? y + wide(beta).reshape(shape) : y;
}

/// aten::batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled)
std::optional<at::Tensor> batchNorm(const StepContext& context) {
    const at::Tensor x = tensorAt(context, 0), mean = tensorAt(context, 3), variance = tensorAt(context, 4);
    if (!mean.defined() || !variance.defined() || isTrue(context, 5) || x.dim() < 2)
        return std::nullopt;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[1] = -1;
    const at::Tensor root = at::sqrt(wide(variance) + number(context, 7, 1e-5)).reshape(shape);
    return scaled((wide(x) - wide(mean).reshape(shape)) / root, tensorAt(context, 1), tensorAt(context, 2));
}

/// Over all of each group's values: aten::group_norm(input, groups, weight, bias, eps, …).
at::Tensor groupNorm(const at::Tensor& x, std::int64_t groups, const at::Tensor& gamma, const at::Tensor& beta,
                     double eps) {
    const at::Tensor grouped = wide(x).reshape({x.size(0), groups, -1});
    const auto count = static_cast<double>(grouped.size(2));
    const at::Tensor centred = grouped - orderedSum(grouped, {2}, true) / count;
    const at::Tensor variance = orderedSum(centred * centred, {2}, true) / count;
    return scaled((centred / at::sqrt(variance + eps)).reshape(x.sizes()), gamma, beta);
}

std::optional<at::Tensor> norm(const std::string& base, const StepContext& context) {
    const at::Tensor x = tensorAt(context, 0);
    if (base == "group_norm" && x.dim() > 1)
        return groupNorm(x, numbers(context, 1).at(0), tensorAt(context, 2), tensorAt(context, 3),
                         number(context, 4, 1e-5));
    // aten::instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, …)
    if (base == "instance_norm" && x.dim() > 2 && isTrue(context, 5))
        return groupNorm(x, x.size(1), tensorAt(context, 1), tensorAt(context, 2), number(context, 7, 1e-5));
    return std::nullopt;
}

/// aten::mean(self, dtype), aten::mean.dim(self, dim, keepdim, dtype), and sum alike.
std::optional<at::Tensor> reduction(const std::string& base, const StepContext& context) {
    const bool hasDims = context.step.op.find('.') != std::string::npos;
    if (!staysFloat(context, hasDims ? 3 : 1))
        return std::nullopt;
    const at::Tensor x = tensorAt(context, 0);
    const auto dims = hasDims ? numbers(context, 1) : std::vector<std::int64_t>();
    const bool keepdim = hasDims && isTrue(context, 2);
    if (base == "mean")
        return functions::mean(x, dims, keepdim);
    return orderedSum(wide(x), dims, keepdim);
}

at::Tensor hardSigmoid(const at::Tensor& x) {
    return at::clamp(wide(x) + 3, 0, 6) / 6;
}

} // namespace

std::optional<at::Tensor> composed(const std::string& base, const StepContext& context) {
    const at::Tensor x = tensorAt(context, 0);
    if (!x.defined() || x.scalar_type() != at::kFloat)
        return std::nullopt;
    std::optional<at::Tensor> result;
    if (base == "batch_norm")
        result = batchNorm(context);
    else if (base == "group_norm" || base == "instance_norm")
        result = norm(base, context);
    else if (base == "mean" || base == "sum")
        result = reduction(base, context);
    else if (base == "hardsigmoid")
        result = hardSigmoid(x);
    else if (base == "hardswish")
        result = wide(x) * hardSigmoid(x);
    else if (base == "softmax" && staysFloat(context, 2))
        result = functions::softmax(x, numbers(context, 1).at(0));
    else if (base == "log_softmax" && staysFloat(context, 2))
        result = functions::logSoftmax(x, numbers(context, 1).at(0));
    else if (base == "gelu") {
        const Argument* kind = argumentAt(context, 1);
        const auto* text = kind ? std::get_if<std::string>(&kind->value) : nullptr;
        result = functions::gelu(x, text && *text == "tanh");
    } else if (base == "softplus")
        result = functions::softplus(x, number(context, 1, 1), number(context, 2, 20));
    return result ? std::optional(result->to(at::kFloat)) : std::nullopt;
}

} // namespace fxp::quant
