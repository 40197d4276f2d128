#include "quant/core/double_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace fxp::quant {

at::Tensor doubleMatmul(const at::Tensor& x, const at::Tensor& w) {
    // Rows of a piece: enough that the work on them outweighs reading w again.
    constexpr std::int64_t kRows = 64;
    if (w.dim() != 2 || x.dim() < 2 || x.numel() == 0 || x.requires_grad() || w.requires_grad())
        return at::matmul(x, w);
    const at::Tensor rows = x.reshape({-1, x.size(-1)});
    const std::int64_t count = rows.size(0), pieces = (count + kRows - 1) / kRows;
    if (pieces < 2)
        return at::matmul(x, w);
    at::Tensor result = at::empty({count, w.size(1)}, rows.options());
    at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
        const at::NoGradGuard noGrad; // of this thread
        for (std::int64_t piece = begin; piece < end; ++piece) {
            const std::int64_t first = piece * kRows, size = std::min(kRows, count - first);
            at::Tensor part = result.narrow(0, first, size);
            at::mm_out(part, rows.narrow(0, first, size), w);
        }
    });
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = w.size(1);
    return result.view(shape);
}

} // namespace fxp::quant
