#pragma once

#include "quant/core/exact_product.h"

#include <optional>
#include <vector>

namespace fxp::quant {

/// ⌈log2 n⌉ of n ≥ 1.
int ceilLog2(std::int64_t n);

/// An operand's integers, counted from their zero point: value = integer · scale.
struct OperandGrid {
    std::vector<double> scale; ///< one, or one per channel
    std::vector<int> fraction; ///< F of each scale 2^−F; empty where a scale is not a power of two
    int bits = 0;              ///< of the integers, sign included

    bool isPowerOfTwo() const { return !fraction.empty(); }
};
/// The operand's grid; absent where the format is float or partial, or has channels along another dimension than
/// `axis`.
std::optional<OperandGrid> operandGrid(const QType& type, int axis);

/// The grid of a product's sums.
struct SumGrid {
    SumGrid(const OperandGrid& x, const OperandGrid& w, const OperandGrid* bias, std::int64_t terms);

    std::size_t channels = 1;  ///< the number of different channels; a result with more channels repeats them
    std::vector<double> scale; ///< of the products' integers, by channel
    std::vector<int> fraction; ///< F of the sums, by channel; empty where a scale is not a power of two
    /// The same for operands in float32, which have no bit below 2^−149.
    std::vector<int> valueFraction;
    bool biasOnGrid = false; ///< there is a bias, and it is summed as an integer
    int worstBits = 0;       ///< AccumulatorUse::worstBits

    bool isPowerOfTwo() const { return !fraction.empty(); }
};

/// The smallest F of a grid that all the values lie on. `x`: float32.
int tightFraction(const at::Tensor& values);

} // namespace fxp::quant
