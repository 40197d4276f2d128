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
    /// x · w without a bias, computed in the tensors' own type: float32 or float64.
    std::function<at::Tensor(const at::Tensor& x, const at::Tensor& w)> multiply;
    /// x · w + bias in float32, as the plain operator computes it; `bias` may be undefined.
    std::function<at::Tensor(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias)> plain;
    /// The dimension of the result along which the bias lies.
    int biasDimension = -1;
    /// K: products in each sum.
    std::int64_t terms = 1;
    /// The dimension of w along which its output channels lie; −1 where there is none, and Σ|w| of a sum is bounded by
    /// K · max|w|.
    int outputDimension = -1;
    /// The greatest Σ|w| that belongs to one sum, where the caller knows it.
    std::optional<double> weightRowSum;
};

/// The formats of the operands. Of these the sum's arithmetic reads only the grids: T, F and scale.
struct ProductFormats {
    QType x, w, bias;
};

/// x · w + bias, exact: the operands are integers times scales, and the sum is the integer that hardware computes,
/// whatever K and the order of summation are. The result is
///  - float32 where 24 bits hold every partial sum, or where an operand is float or not finite: the result of `plain`;
///  - float64 where 53 bits hold every partial sum;
///  - float64 where a scale is not a power of two: the exact sum of the integers times x.scale · w.scale[channel],
///    rounded once; a bias that is on another grid than the products is added to that in float64;
///  - else int64 [..., 2]: low and high word of a 128-bit integer in units of 2^−sumFraction(formats, hasBias). Sums
///    that 126 bits of that grid do not hold are float64, rounded.
/// Formats per channel are summed as integers where the channels lie along the product's outputDimension (w) or along
/// the bias; with any other axis the operand counts as float. `use`, where not null, is given the bits; its overflow
/// counts are set by quantizeSum. Where a gradient is recorded, it passes to the result of `plain` (straightThrough),
/// and the result is float32 or float64.
at::Tensor exactSum(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                    const ProductFormats& formats, AccumulatorUse* use);

/// F of the 128-bit integers, for formats whose scales are powers of two. Float32 values have no bits below 2^−149, so
/// that a greater F counts as 149.
int sumFraction(const ProductFormats& formats, bool hasBias);

/// The formats of what follows a sum: the accumulator (float or partial: the sum stays exact) and the activation (float
/// or partial: the value stays as accumulated).
struct SumFormats {
    QType accumulator, activation;
    std::uint64_t accumulatorSeed = 0, activationSeed = 0; ///< of STOCHASTIC
    std::int64_t firstIndex = 0;                           ///< of the sum's first element: STOCHASTIC draws by index
};

/// How many elements rounded to an integer below the format's range, and above it.
struct SumOverflow {
    std::int64_t low = 0, high = 0;
};

/// The result of quantizeSum; the tensors are float32 and have the sum's shape.
struct QuantizedSum {
    at::Tensor sum;         ///< the exact sum rounded once, to nearest
    at::Tensor accumulated; ///< after the accumulator's format; `sum` itself where that is float
    at::Tensor activation;  ///< after the activation's format, from the exact accumulated value in one rounding;
                            ///< `accumulated` itself where that is float
    SumOverflow accumulatorOverflow, activationOverflow;
};

/// Quantizes the result of exactSum to the accumulator's format and then to the activation's. Integers, limits and
/// counts are exact, whatever the sum's dtype is, and each value is rounded to float32 once; the activation of a
/// float32 sum has the same bits as quantize() gives. Where the sum records a gradient, it passes through unchanged.
/// Throws Error when a format's channels do not fit the sum.
QuantizedSum quantizeSum(const at::Tensor& sum, const ProductFormats& formats, bool hasBias, const SumFormats& next);

} // namespace fxp::quant
