#include "quant/core/sum_grid.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace fxp::quant {

namespace {

constexpr int kFloatFraction = 149;

/// F of the number 2^−F; absent for a number that is not a power of two.
std::optional<int> fractionOf(double scale) {
    int exponent = 0;
    if (std::frexp(scale, &exponent) != 0.5)
        return std::nullopt;
    return 1 - exponent;
}

/// The F of a grid that all float32 values of the format lie on.
int floatFraction(int fraction) {
    return std::min(fraction, kFloatFraction);
}

/// Bits that the integers −2^(T−1) − z … 2^(T−1) − 1 − z need.
int centeredBits(int totalBits, std::int64_t zeroPoint) {
    return zeroPoint == 0 ? totalBits : totalBits + 1;
}

} // namespace

int ceilLog2(std::int64_t n) {
    return n <= 1 ? 0 : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(n - 1)));
}

std::optional<OperandGrid> operandGrid(const QType& type, int axis) {
    if (!type.isComplete())
        return std::nullopt;
    OperandGrid grid;
    grid.bits = *type.totalBits;
    if (!type.affine) {
        grid.scale = {std::ldexp(1.0, -*type.fractionalBits)};
        grid.fraction = {*type.fractionalBits};
        return grid;
    }
    const Affine& affine = *type.affine;
    if (affine.scale.size() != 1 && affine.axis != axis)
        return std::nullopt;
    grid.scale = affine.scale;
    for (const double scale : affine.scale) {
        if (const auto fraction = fractionOf(scale))
            grid.fraction.push_back(*fraction);
    }
    if (grid.fraction.size() != grid.scale.size())
        grid.fraction.clear();
    for (const std::int64_t zero : affine.zeroPoint)
        grid.bits = std::max(grid.bits, centeredBits(*type.totalBits, zero));
    return grid;
}

SumGrid::SumGrid(const OperandGrid& x, const OperandGrid& w, const OperandGrid* bias, std::int64_t terms) {
    const bool powers = x.isPowerOfTwo() && w.isPowerOfTwo() && (!bias || bias->isPowerOfTwo());
    channels = std::max(w.scale.size(), bias ? bias->scale.size() : 1);
    // |Σ| ≤ 2^products, and the bound is reached where all factors are the least integers of their formats.
    const int products = x.bits + w.bits + ceilLog2(terms) - 2;
    biasOnGrid = bias != nullptr;
    for (std::size_t c = 0; c < channels; ++c) {
        scale.push_back(x.scale[0] * w.scale[c % w.scale.size()]);
        if (bias && !powers && bias->scale[c % bias->scale.size()] != scale.back())
            biasOnGrid = false;
    }
    for (std::size_t c = 0; c < channels; ++c) {
        int sum = products, biasBits = bias ? bias->bits - 1 : 0; // |bias| ≤ 2^biasBits
        if (powers) {
            const int wFraction = w.fraction[c % w.fraction.size()];
            const int product = x.fraction[0] + wFraction;
            const int biasFraction = bias ? bias->fraction[c % bias->fraction.size()] : product;
            const int valueProduct = floatFraction(x.fraction[0]) + floatFraction(wFraction);
            fraction.push_back(std::max(product, biasFraction));
            valueFraction.push_back(bias ? std::max(valueProduct, floatFraction(biasFraction)) : valueProduct);
            sum += fraction.back() - product;
            biasBits += fraction.back() - biasFraction;
        }
        if (biasOnGrid && biasBits > sum)
            sum = biasBits;
        // Above 24 bits the greatest integer of the bias is rounded up to +2^biasBits in float32.
        else if (biasOnGrid && biasBits == sum && bias->bits > std::numeric_limits<float>::digits)
            ++sum;
        worstBits = std::max(worstBits, sum + 2);
    }
}

int sumFraction(const ProductFormats& formats, bool hasBias) {
    const auto finest = [](const QType& type) {
        int fraction = type.affine ? std::numeric_limits<int>::min() : floatFraction(*type.fractionalBits);
        if (type.affine) {
            for (const double scale : type.affine->scale)
                fraction = std::max(fraction, floatFraction(fractionOf(scale).value_or(kFloatFraction)));
        }
        return fraction;
    };
    const int products = finest(formats.x) + finest(formats.w);
    return hasBias ? std::max(products, finest(formats.bias)) : products;
}

int tightFraction(const at::Tensor& values) {
    const at::Tensor flat = values.detach().contiguous();
    const auto* data = flat.data_ptr<float>();
    int last = std::numeric_limits<int>::max(); // exponent of the lowest bit that is set in any value
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(data[i]);
        const std::uint32_t exponent = bits >> 23 & 0xFF, fractional = bits & 0x7FFFFF;
        const std::uint32_t mantissa = exponent ? fractional | 0x800000 : fractional;
        if (mantissa)
            last = std::min(last, static_cast<int>(exponent ? exponent : 1) - 150 + std::countr_zero(mantissa));
    }
    return last == std::numeric_limits<int>::max() ? 0 : -last;
}

} // namespace fxp::quant
