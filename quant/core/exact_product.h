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

/// The grids that the operands are on: all that the sum's arithmetic reads of formats.
struct ProductFormats {
    QType x, w, bias;
};

/// x · w + bias, as exact as hardware: the operands are integers times scales, and the sum is the integer that hardware
/// gets, whatever K is and in whatever order. The result is
///  - float32 where 24 bits hold every partial sum, or where an operand is float or not finite: what `plain` computes;
///  - float64 up to 53 bits;
///  - float64 where a scale is not a power of two: the integers' exact sum times x.scale · w.scale[channel], one
///    rounding; a bias on another grid than the products' is added to that, in float64;
///  - else int64 [..., 2]: low and high word of a 128-bit integer in units of 2^−sumFraction(formats, hasBias). Sums
///    that 126 bits of that grid do not hold are float64, rounded.
/// Formats per channel are summed as integers along the product's outputDimension (w) or of the bias; any other makes
/// the operand count as float. `use`, where not null, gets the bits; its overflow counts are quantizeSum's to give.
/// Where a gradient is recorded, it passes to what `plain` computes (straightThrough), and the result is float32 or
/// float64.
at::Tensor exactSum(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                    const ProductFormats& formats, AccumulatorUse* use);

/// Fraction bits of the wide integers. Of formats whose scales are powers of two. Float32 has no bits beyond 2^−149,
/// and a finer F counts as that.
int sumFraction(const ProductFormats& formats, bool hasBias);

/// What follows a sum: the accumulator (float or partial: the sum stays exact) and the activation (float or partial: as
/// accumulated).
struct SumFormats {
    QType accumulator, activation;
    std::uint64_t accumulatorSeed = 0, activationSeed = 0; ///< of STOCHASTIC
    std::int64_t firstIndex = 0;                           ///< of the sum's first element: STOCHASTIC draws by index
};

/// Elements that rounded to an integer below or above the format's.
struct SumOverflow {
    std::int64_t low = 0, high = 0;
};

/// What quantizeSum gives; the tensors are float32 of the sum's shape.
struct QuantizedSum {
    at::Tensor sum;         ///< the exact sum rounded once, to nearest
    at::Tensor accumulated; ///< after the accumulator's format; `sum` itself where that is float
    at::Tensor activation;  ///< after the activation's format, from the exact accumulated value in one rounding;
                            ///< `accumulated` itself where that is float
    SumOverflow accumulatorOverflow, activationOverflow;
};

/// Brings what exactSum gave into the formats that follow. Integers, limits and counts are exact, whatever the sum's
/// dtype is, and each value is rounded to float32 once; a float32 sum's activation has the bits that quantize() gives
/// it. Where the sum records a gradient, it passes through unchanged. Throws Error when a format's channels do not fit
/// the sum.
QuantizedSum quantizeSum(const at::Tensor& sum, const ProductFormats& formats, bool hasBias, const SumFormats& next);

} // namespace fxp::quant
