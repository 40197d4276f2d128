#pragma once

#include "quant/core/accumulator_use.h"
#include "quant/core/qtype.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>

namespace fxp::quant {

/// An operator that is linear in each of two tensors.
struct Product {
    /// x · w without a bias, in the tensors' own type, which is float32 or float64.
    std::function<at::Tensor(const at::Tensor& x, const at::Tensor& w)> multiply;
    /// x · w + bias in float32, as the plain operator computes it; `bias` may be undefined.
    std::function<at::Tensor(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias)> plain;
    /// The dimension of the result along which the bias lies.
    int biasDimension = -1;
    /// K: products in each sum.
    std::int64_t terms = 1;
    /// The dimension of w whose entries belong to different sums (its output channels); −1: Σ|w| is bounded by
    /// K · max|w|.
    int outputDimension = -1;
    /// The greatest Σ|w| of one sum, where it is known already.
    std::optional<double> weightRowSum;
};

/// The formats that the operands are on, and those that the sum comes into.
struct ProductFormats {
    QType x, w, bias;
    QType accumulator; ///< float: the sum stays exact
    QType activation;  ///< what the sum is quantized by next: chooses how it is rounded to float32
};

/// What exactSum gives.
struct ExactSum {
    at::Tensor sum;         ///< float32
    at::Tensor accumulated; ///< after the accumulator's format; `sum` itself where it is float
};

/// x · w + bias, exact: the operands are integers times powers of two, and the sum is the integer that hardware gets,
/// whatever K is and in whatever order. It is rounded once, to float32: to nearest; or, where a format of at most 22
/// bits follows, to odd, so that rounding again by that format gives what rounding the exact sum gives (Boldo,
/// Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE Trans.
/// Computers 57(4), 2008). A float32 product serves where 24 bits hold every partial sum, a float64 one up to 53, and
/// float64 products of slices of the operands, summed in 128-bit integers, up to 126; beyond that float64 rounds.
/// Where an operand is float, has a real-valued scale, or is not finite, the plain float32 operator runs.
ExactSum exactSum(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                  const ProductFormats& formats, std::uint64_t seed, AccumulatorUse* use);

} // namespace fxp::quant
