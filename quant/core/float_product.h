#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace fxp::quant {

// Float32 products whose bits do not depend on how samples were split into batches, on the number of threads, or on the
// vector width. Each element of a result is one chain of fused multiply-adds, s ← fma(a_k, b_k, s) from s = 0 over k
// ascending, and then one addition of the bias, if any: it depends on its row of `a` and its column of `b` alone.
//
// A CPU without fused multiply-add (older than AVX2) rounds each product before it is added. So products of values that
// are not on a fixed-point grid may differ in their last bits between such a CPU and a newer one; never between two
// splits on one CPU. Sums that need at most 24 bits are exact everywhere.
//
// Operands of other types than float32, and operands whose gradient is recorded, go to the at:: operator of the same
// name. Operands need not be contiguous; results are.

/// y = x · wᵀ + bias. x: [..., K], w: [N, K], bias: [N] or undefined; y: [..., N]. Also x: [K] to y: [N].
/// Throws c10::Error when the shapes do not fit.
at::Tensor floatLinear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias);

/// at::matmul's shapes: vectors, matrices, and batches of matrices, broadcast against each other.
/// Throws c10::Error when the shapes do not fit.
at::Tensor floatMatmul(const at::Tensor& a, const at::Tensor& b);

/// The arguments of a convolution, with one number per spatial dimension.
struct ConvolutionArguments {
    std::vector<std::int64_t> stride, padding, dilation;
    bool transposed = false;
    std::vector<std::int64_t> outputPadding; ///< of a transposed convolution; otherwise not read
    std::int64_t groups = 1;
};

/// Convolution over one, two or three spatial dimensions. x: [N, in, ...]; w: [out, in / groups, ...], for a transposed
/// convolution [in, out / groups, ...]; bias: [out] or undefined; y: [N, out, ...]. The chain runs over the input
/// channels, then over the kernel's elements in row-major order (in a transposed convolution over those that reach the
/// output element); elements outside the input count as zeros. Throws c10::Error when the shapes do not fit.
at::Tensor floatConvolution(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                            const ConvolutionArguments& arguments);

} // namespace fxp::quant
