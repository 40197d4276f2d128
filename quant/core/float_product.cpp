#include "quant/core/float_product.h"

#include "quant/core/kernels/readable.h"
#include "quant/core/kernels/sgemm.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

namespace fxp::quant {

namespace {

/// The last two dimensions of `x` as [index, term], or as [term, index] when `termsFirst`.
SgemmOperand operandOf(const at::Tensor& x, bool termsFirst) {
    const std::int64_t row = x.stride(-2), column = x.stride(-1);
    return {x.data_ptr<float>(), termsFirst ? column : row, termsFirst ? row : column};
}

/// c: [M, N] contiguous; a: [M, K]; b: [K, N].
void multiply(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
    SgemmJob job;
    job.rows = a.size(0);
    job.columns = b.size(1);
    job.terms = a.size(1);
    job.a = operandOf(a, false);
    job.b = operandOf(b, true);
    job.columnBias = bias.defined() ? bias.data_ptr<float>() : nullptr;
    job.c = c.data_ptr<float>();
    job.cStride = job.columns;
    sgemm(job);
}

std::int64_t product(at::IntArrayRef sizes) {
    std::int64_t result = 1;
    for (const std::int64_t size : sizes)
        result *= size;
    return result;
}

/// x: [..., K] times b: [K, N].
at::Tensor timesMatrix(const at::Tensor& x, const at::Tensor& b, const at::Tensor& bias) {
    std::vector<std::int64_t> shape = x.sizes().vec();
    const std::int64_t terms = shape.back();
    shape.back() = b.size(1);
    const std::int64_t rows = product(x.sizes().slice(0, shape.size() - 1));
    const at::Tensor y = at::empty({rows, b.size(1)}, x.options());
    multiply(y, x.dim() == 2 ? x : x.reshape({rows, terms}), b, bias);
    return y.view(shape);
}

/// Where the matrices of a batch begin, in elements from the first. `x`: expanded to the batch.
std::vector<std::int64_t> batchOffsets(const at::Tensor& x) {
    std::vector<std::int64_t> offsets = {0};
    for (std::int64_t d = 0; d < x.dim() - 2; ++d) {
        std::vector<std::int64_t> finer;
        finer.reserve(offsets.size() * static_cast<std::size_t>(x.size(d)));
        for (const std::int64_t offset : offsets)
            for (std::int64_t i = 0; i < x.size(d); ++i)
                finer.push_back(offset + i * x.stride(d));
        offsets = std::move(finer);
    }
    return offsets;
}

at::Tensor expandedTo(const at::Tensor& x, std::vector<std::int64_t> batch) {
    batch.push_back(x.size(-2));
    batch.push_back(x.size(-1));
    return x.expand(batch);
}

at::Tensor batched(const at::Tensor& left, const at::Tensor& right) {
    std::vector<std::int64_t> shape = at::infer_size(left.sizes().slice(0, static_cast<std::size_t>(left.dim() - 2)),
                                                     right.sizes().slice(0, static_cast<std::size_t>(right.dim() - 2)));
    const at::Tensor a = expandedTo(left, shape), b = expandedTo(right, shape);
    const std::vector<std::int64_t> aOffsets = batchOffsets(a), bOffsets = batchOffsets(b);
    const std::int64_t rows = a.size(-2), columns = b.size(-1), terms = a.size(-1), count = product(shape);
    shape.push_back(rows);
    shape.push_back(columns);
    const at::Tensor c = at::empty(shape, a.options());
    if (c.numel() == 0)
        return c;
    const auto jobOf = [&](std::int64_t i) {
        SgemmJob job;
        job.rows = rows;
        job.columns = columns;
        job.terms = terms;
        job.a = operandOf(a, false);
        job.b = operandOf(b, true);
        job.a.data += aOffsets[static_cast<std::size_t>(i)];
        job.b.data += bOffsets[static_cast<std::size_t>(i)];
        job.c = c.data_ptr<float>() + i * rows * columns;
        job.cStride = columns;
        return job;
    };
    if (count < at::get_num_threads()) {
        for (std::int64_t i = 0; i < count; ++i)
            sgemm(jobOf(i));
        return c;
    }
    const std::int64_t work = std::max<std::int64_t>(rows * columns * terms, 1);
    at::parallel_for(0, count, std::max<std::int64_t>(kSgemmWorkPerThread / work, 1),
                     [&](std::int64_t begin, std::int64_t end) {
                         for (std::int64_t i = begin; i < end; ++i)
                             sgemm(jobOf(i), {0, rows, 0, columns});
                     });
    return c;
}

} // namespace

at::Tensor floatLinear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
    const bool biasFits = !bias.defined() || (bias.dim() == 1 && w.dim() == 2 && bias.size(0) == w.size(0));
    const bool fits = x.dim() >= 1 && w.dim() == 2 && x.size(-1) == w.size(1) && biasFits;
    // Shapes that do not fit go to the operator of LibTorch, which refuses them with its own message.
    if (!fits || !isReadable(x) || !isReadable(w) || !isReadable(bias))
        return at::linear(x, w, bias);
    return timesMatrix(x, w.t(), bias.defined() ? bias.contiguous() : bias);
}

at::Tensor floatMatmul(const at::Tensor& a, const at::Tensor& b) {
    const bool fits = a.dim() >= 1 && b.dim() >= 1 && a.size(-1) == b.size(b.dim() == 1 ? 0 : -2);
    if (!fits || !isReadable(a) || !isReadable(b))
        return at::matmul(a, b);
    if (b.dim() == 1)
        return timesMatrix(a, b.unsqueeze(1), {}).squeeze(-1);
    if (b.dim() == 2)
        return timesMatrix(a, b, {});
    if (a.dim() == 1)
        return batched(a.unsqueeze(0), b).squeeze(-2);
    return batched(a, b);
}

} // namespace fxp::quant
