#include "quant/core/functions.h"

#include "quant/core/kernels/functions_kernel.h"
#include "quant/core/kernels/readable.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/WrapDimUtils.h>

#include <algorithm>
#include <vector>

namespace fxp::quant::functions {

namespace {

/// The number of elements from which a further thread is worth its start.
constexpr std::int64_t kGrain = 32768;

at::Tensor evaluated(Function function, const at::Tensor& x, const SoftplusShape& shape = {}) {
    const at::Tensor in = x.contiguous();
    const at::Tensor y = at::empty(x.sizes(), x.options());
    const float* from = in.data_ptr<float>();
    auto* to = y.data_ptr<float>();
    at::parallel_for(0, in.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        evaluate(function, from + begin, to + begin, end - begin, shape);
    });
    return y;
}

/// Calls work(first row, rows) on as many threads as the elements are worth.
template <class Work> void overRows(std::int64_t rows, std::int64_t columns, const Work& work) {
    at::parallel_for(0, rows, std::max<std::int64_t>(kGrain / std::max<std::int64_t>(columns, 1), 1),
                     [&](std::int64_t begin, std::int64_t end) { work(begin, end - begin); });
}

at::Tensor softmaxAlong(const at::Tensor& x, std::int64_t dim, bool logarithm) {
    if (x.numel() == 0 || x.dim() == 0)
        return logarithm ? at::log_softmax(x, dim) : at::softmax(x, dim);
    const at::Tensor in = x.movedim(dim, -1).contiguous();
    const at::Tensor y = at::empty(in.sizes(), in.options());
    const std::int64_t columns = in.size(-1);
    overRows(in.numel() / columns, columns, [&](std::int64_t first, std::int64_t rows) {
        const std::int64_t begin = first * columns;
        softmaxRows(in.data_ptr<float>() + begin, y.data_ptr<float>() + begin, rows, columns, logarithm);
    });
    return y.movedim(-1, dim).contiguous();
}

/// A tensor as rows: the reduced dimensions are moved to the end and become the columns.
struct Rows {
    at::Tensor values;
    std::int64_t count = 1, columns = 1;
    std::vector<std::int64_t> shape; ///< of the result
};

Rows rowsOf(const at::Tensor& x, at::IntArrayRef dims, bool keepdim) {
    std::vector<bool> reduced(static_cast<std::size_t>(x.dim()), dims.empty());
    for (const std::int64_t dim : dims)
        reduced[static_cast<std::size_t>(at::maybe_wrap_dim(dim, x.dim()))] = true;
    Rows rows;
    std::vector<std::int64_t> order, last;
    for (std::int64_t d = 0; d < x.dim(); ++d) {
        if (reduced[static_cast<std::size_t>(d)]) {
            rows.columns *= x.size(d);
            last.push_back(d);
            if (keepdim)
                rows.shape.push_back(1);
        } else {
            rows.count *= x.size(d);
            order.push_back(d);
            rows.shape.push_back(x.size(d));
        }
    }
    order.insert(order.end(), last.begin(), last.end());
    rows.values = x.permute(order).contiguous();
    return rows;
}

template <class Kernel> at::Tensor reduced(const Rows& rows, const Kernel& kernel) {
    const at::Tensor y = at::empty(rows.shape, rows.values.options());
    overRows(rows.count, rows.columns, [&](std::int64_t first, std::int64_t count) {
        kernel(rows.values.template data_ptr<float>() + first * rows.columns, y.template data_ptr<float>() + first,
               count, rows.columns);
    });
    return y;
}

/// How many of x's last dimensions `parameter` does not vary along.
std::int64_t constantDimensions(const at::Tensor& x, const at::Tensor& parameter) {
    std::int64_t count = 0;
    while (count < x.dim() && (count >= parameter.dim() || parameter.size(-1 - count) == 1))
        ++count;
    return count;
}

} // namespace

at::Tensor exp(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Exp, x) : at::exp(x);
}

at::Tensor log(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Log, x) : at::log(x);
}

at::Tensor sin(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Sin, x) : at::sin(x);
}

at::Tensor cos(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Cos, x) : at::cos(x);
}

at::Tensor tanh(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Tanh, x) : at::tanh(x);
}

at::Tensor erf(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Erf, x) : at::erf(x);
}

at::Tensor rsqrt(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Rsqrt, x) : at::rsqrt(x);
}

at::Tensor sigmoid(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Sigmoid, x) : at::sigmoid(x);
}

at::Tensor silu(const at::Tensor& x) {
    return isReadable(x) ? evaluated(Function::Silu, x) : at::silu(x);
}

at::Tensor gelu(const at::Tensor& x, bool tanhApproximation) {
    if (!isReadable(x))
        return at::gelu(x, tanhApproximation ? "tanh" : "none");
    return evaluated(tanhApproximation ? Function::GeluTanh : Function::Gelu, x);
}

at::Tensor softplus(const at::Tensor& x, double beta, double threshold) {
    if (!isReadable(x))
        return at::softplus(x, beta, threshold);
    return evaluated(Function::Softplus, x, {beta, threshold});
}

at::Tensor softmax(const at::Tensor& x, std::int64_t dim) {
    return isReadable(x) ? softmaxAlong(x, dim, false) : at::softmax(x, dim);
}

at::Tensor logSoftmax(const at::Tensor& x, std::int64_t dim) {
    return isReadable(x) ? softmaxAlong(x, dim, true) : at::log_softmax(x, dim);
}

at::Tensor mean(const at::Tensor& x, at::IntArrayRef dims, bool keepdim) {
    if (isReadable(x))
        return reduced(rowsOf(x, dims, keepdim), meanRows);
    return dims.empty() && !keepdim ? at::mean(x) : at::mean(x, dims, keepdim);
}

at::Tensor variance(const at::Tensor& x, at::IntArrayRef dims, bool keepdim) {
    if (isReadable(x))
        return reduced(rowsOf(x, dims, keepdim), varianceRows);
    return at::var(x, dims, false, keepdim);
}

at::Tensor normalize(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& variance, double eps) {
    if (!isReadable(x) || !isReadable(mean) || !isReadable(variance))
        return (x - mean) / at::sqrt(variance + eps);
    const at::Tensor in = x.contiguous();
    const at::Tensor y = at::empty(x.sizes(), x.options());
    const std::int64_t constant = std::min(constantDimensions(x, mean), constantDimensions(x, variance));
    std::vector<std::int64_t> shape = x.sizes().vec();
    std::int64_t columns = 1;
    for (std::int64_t d = 0; d < constant; ++d) {
        std::int64_t& size = shape[shape.size() - 1 - static_cast<std::size_t>(d)];
        columns *= size;
        size = 1;
    }
    const at::Tensor means = mean.expand(shape).contiguous(), variances = variance.expand(shape).contiguous();
    const auto *m = means.data_ptr<float>(), *v = variances.data_ptr<float>(), *from = in.data_ptr<float>();
    auto* to = y.data_ptr<float>();
    overRows(means.numel(), columns, [&](std::int64_t first, std::int64_t rows) {
        const std::int64_t begin = first * columns;
        if (constant == 0)
            normalizeElements(from + begin, m + begin, v + begin, eps, to + begin, rows);
        else
            normalizeRows(from + begin, m + first, v + first, eps, to + begin, rows, columns);
    });
    return y;
}

} // namespace fxp::quant::functions
