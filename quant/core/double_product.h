#pragma once

#include <ATen/core/Tensor.h>

namespace fxp::quant {

/// x · w in float64, as at::matmul gives it. x: [..., K], w: [K, N] (else at::matmul alone). The rows are cut into
/// pieces whose size does not depend on the number of threads, and the pieces are spread over LibTorch's pool: the
/// library of linear algebra computes each on one thread (setThreadCount), so that there is one pool and not two.
at::Tensor doubleMatmul(const at::Tensor& x, const at::Tensor& w);

} // namespace fxp::quant
