#pragma once

#include <ATen/core/Tensor.h>

/// Functions from float32 to float32 that give the same bits on every CPU, for any number of threads, and at any place
/// in a tensor. Each is computed in float64 with +, −, ×, ÷ and square root alone, which IEEE 754 rounds correctly, and
/// then rounded once to float32: within 0.51 units in the last place of the true value. A NaN result is always the
/// quiet NaN without sign and payload; infinities and NaN give what the at:: operator of the same name gives.
///
/// Tensors of other types than float32, and tensors whose gradient is recorded, go to the at:: operator. Inputs need
/// not be contiguous; results are. `dim` may be negative.
namespace fxp::quant::functions {

at::Tensor exp(const at::Tensor& x);
at::Tensor log(const at::Tensor& x);
at::Tensor sin(const at::Tensor& x);
at::Tensor cos(const at::Tensor& x);
at::Tensor tanh(const at::Tensor& x);
at::Tensor erf(const at::Tensor& x);
at::Tensor rsqrt(const at::Tensor& x);

/// 1 / (1 + e^−x)
at::Tensor sigmoid(const at::Tensor& x);

/// x · sigmoid(x)
at::Tensor silu(const at::Tensor& x);

/// x · Φ(x), Φ the normal distribution; or x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).
at::Tensor gelu(const at::Tensor& x, bool tanhApproximation = false);

/// log(1 + e^(beta · x)) / beta; x itself where beta · x > threshold.
at::Tensor softplus(const at::Tensor& x, double beta = 1, double threshold = 20);

/// e^x_i / Σ e^x_j along `dim`. A masked score (−∞) gives 0; a row of nothing but −∞ gives NaN.
at::Tensor softmax(const at::Tensor& x, std::int64_t dim);

/// log(softmax(x))
at::Tensor logSoftmax(const at::Tensor& x, std::int64_t dim);

// The sums of softmax, mean and variance run over the elements in row-major order of the reduced dimensions: eight sums
// in float64, element i in sum i mod 8, added at the end as ((0+4)+(2+6)) + ((1+5)+(3+7)).

/// The mean over `dims`, or over all dimensions where `dims` is empty; reduced dimensions stay with extent 1 where
/// `keepdim`.
at::Tensor mean(const at::Tensor& x, at::IntArrayRef dims, bool keepdim);

/// The biased variance, Σ (x − mean)² / n, with the mean in float64.
at::Tensor variance(const at::Tensor& x, at::IntArrayRef dims, bool keepdim);

/// (x − mean) / √(variance + eps). `mean` and `variance` broadcast against x; the result has x's shape.
at::Tensor normalize(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& variance, double eps);

} // namespace fxp::quant::functions
