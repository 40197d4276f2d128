#include "quant/core/exact_product.h"

#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/core/straight_through.h"
#include "quant/core/wide_integer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

namespace fxp::quant {

namespace {

constexpr int kFloatBits = 24, kDoubleBits = 53, kWideBits = 126;
/// A format of more bits than these leaves float32 no room for rounding to odd.
constexpr int kOddBits = 22;
constexpr std::int64_t kGrain = 8192;

int ceilLog2(std::int64_t n) {
    int bits = 0;
    while ((std::int64_t{1} << bits) < n)
        ++bits;
    return bits;
}

double largest(const at::Tensor& x) {
    if (!x.defined() || x.numel() == 0)
        return 0;
    const auto [low, high] = at::aminmax(x.detach());
    return std::max(std::abs(low.item<double>()), std::abs(high.item<double>())); // NaN stays NaN in aminmax
}

/// The greatest Σ|w| over one sum's terms.
double largestRowSum(const Product& product, const at::Tensor& w) {
    if (product.weightRowSum)
        return *product.weightRowSum;
    if (product.outputDimension < 0)
        return largest(w) * static_cast<double>(product.terms);
    std::vector<std::int64_t> others;
    for (std::int64_t i = 0; i < w.dim(); ++i) {
        if (i != product.outputDimension)
            others.push_back(i);
    }
    return w.detach().abs().sum(others, false, at::kDouble).max().item<double>();
}

/// The operands' common grid and how large the sums on it can be.
struct Grid {
    int products = 0;     ///< F of x plus F of w
    int fractionBits = 0; ///< F of the sum: the finer of the products' and the bias's
    int worstBits = 0;
};

Grid gridOf(const Product& product, const ProductFormats& formats, bool hasBias) {
    Grid grid;
    grid.products = *formats.x.fractionalBits + *formats.w.fractionalBits;
    grid.fractionBits = hasBias ? std::max(grid.products, *formats.bias.fractionalBits) : grid.products;
    grid.worstBits =
        *formats.x.totalBits + *formats.w.totalBits + ceilLog2(product.terms) + grid.fractionBits - grid.products;
    if (hasBias) {
        const int biasBits = *formats.bias.totalBits + grid.fractionBits - *formats.bias.fractionalBits;
        if (biasBits >= grid.worstBits)
            grid.worstBits = biasBits + 1;
    }
    return grid;
}

at::Tensor biasShaped(const Product& product, const at::Tensor& bias, const at::Tensor& like) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
    const auto dim = product.biasDimension < 0 ? like.dim() + product.biasDimension : product.biasDimension;
    shape[static_cast<std::size_t>(dim)] = bias.numel();
    return bias.reshape(shape);
}

/// Sums of integers as they are, 128 bits wide, in units of 2^−fractionBits.
struct WideSums {
    std::vector<Int128> values;
    std::vector<std::int64_t> shape;
};

/// One operand as integers in float64, cut into slices of `bits` bits each, the lowest first.
std::vector<at::Tensor> slices(const at::Tensor& integers, int bits, int count) {
    std::vector<at::Tensor> parts;
    at::Tensor rest = integers;
    const double unit = std::ldexp(1.0, bits);
    for (int i = 0; i + 1 < count; ++i) {
        const at::Tensor high = at::floor(rest / unit);
        parts.push_back(rest - high * unit);
        rest = high;
    }
    parts.push_back(rest);
    return parts;
}

/// How many slices of each operand let every product of slices fit 53 bits, with the fewest products.
struct Cut {
    int x = 1, w = 1;
    int xBits = 0, wBits = 0;
};

Cut cutOf(int xBits, int wBits, int termBits) {
    Cut best;
    int fewest = std::numeric_limits<int>::max();
    for (int x = 1; x <= 8; ++x) {
        for (int w = 1; w <= 8; ++w) {
            const int each = (xBits + x - 1) / x, other = (wBits + w - 1) / w;
            if (each + other + termBits <= kDoubleBits && x * w < fewest) {
                fewest = x * w;
                best = {x, w, each, other};
            }
        }
    }
    return best;
}

/// The smallest F on whose grid all the values lie, at most `limit`.
int tightFraction(const at::Tensor& values, int limit) {
    // A float32's last bit stands 23 places below its exponent.
    const at::Tensor flat = values.detach().contiguous();
    const auto* data = flat.data_ptr<float>();
    int finest = std::numeric_limits<int>::min();
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
        if (data[i] == 0)
            continue;
        int exponent = 0;
        auto mantissa = static_cast<std::int32_t>(std::ldexp(std::frexp(data[i], &exponent), 24));
        int last = exponent - 24;
        while ((mantissa & 1) == 0) {
            mantissa /= 2;
            ++last;
        }
        finest = std::max(finest, -last);
    }
    return std::min(finest == std::numeric_limits<int>::min() ? limit : finest, limit);
}

/// Bits of the magnitude |x| · 2^F.
int magnitudeBits(double value, int fraction) {
    int exponent = 0;
    std::frexp(value, &exponent);
    return value == 0 ? 0 : std::max(0, exponent + fraction);
}

/// False when 126 bits do not hold the sums.
bool wideSums(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
              const ProductFormats& formats, const Grid& grid, WideSums& sums) {
    const int xFraction = tightFraction(x, *formats.x.fractionalBits);
    const int wFraction = tightFraction(w, *formats.w.fractionalBits);
    const int xBits = magnitudeBits(largest(x), xFraction), wBits = magnitudeBits(largest(w), wFraction);
    const int termBits = ceilLog2(product.terms);
    const int up = grid.fractionBits - xFraction - wFraction;
    const Cut cut = cutOf(xBits, wBits, termBits);
    const int biasBits = bias.defined() ? magnitudeBits(largest(bias), grid.fractionBits) : 0;
    if (cut.xBits == 0 || std::max(xBits + wBits + termBits + up, biasBits) + 1 > kWideBits)
        return false;
    const auto xs = slices(x.to(at::kDouble) * std::ldexp(1.0, xFraction), cut.xBits, cut.x);
    const auto ws = slices(w.to(at::kDouble) * std::ldexp(1.0, wFraction), cut.wBits, cut.w);
    for (std::size_t i = 0; i < xs.size(); ++i) {
        for (std::size_t j = 0; j < ws.size(); ++j) {
            const at::Tensor part = product.multiply(xs[i], ws[j]).contiguous();
            if (sums.values.empty()) {
                sums.shape = part.sizes().vec();
                sums.values.assign(static_cast<std::size_t>(part.numel()), 0);
            }
            const int shift = up + static_cast<int>(i) * cut.xBits + static_cast<int>(j) * cut.wBits;
            const double* data = part.data_ptr<double>();
            at::parallel_for(0, part.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t k = begin; k < end; ++k)
                    sums.values[static_cast<std::size_t>(k)] +=
                        static_cast<Int128>(static_cast<std::int64_t>(data[k])) * (Int128{1} << shift);
            });
        }
    }
    if (bias.defined()) {
        const at::Tensor like = at::empty(sums.shape, at::kDouble);
        const at::Tensor spread = biasShaped(product, bias.to(at::kDouble), like).expand(sums.shape).contiguous();
        const double* data = spread.data_ptr<double>();
        for (std::size_t k = 0; k < sums.values.size(); ++k) {
            int exponent = 0;
            const auto mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(data[k], &exponent), kFloatBits));
            const int shift = exponent - kFloatBits + grid.fractionBits;
            // On the grid: what a negative shift drops is zeros.
            sums.values[k] += shift >= 0 ? static_cast<Int128>(mantissa) * (Int128{1} << shift)
                                         : static_cast<Int128>(mantissa >> -shift);
        }
    }
    return true;
}

/// The sums' integers one by one, wherever they lie.
struct Integers {
    const WideSums* wide = nullptr;
    const double* doubles = nullptr;
    const float* floats = nullptr;
    int fractionBits = 0;

    Int128 operator[](std::int64_t i) const {
        if (wide)
            return wide->values[static_cast<std::size_t>(i)];
        const double v = doubles ? doubles[i] : static_cast<double>(floats[i]);
        return static_cast<Int128>(std::ldexp(v, fractionBits));
    }
};

at::Tensor accumulate(const Integers& sums, at::IntArrayRef shape, const QType& type, bool toOdd, std::uint64_t seed,
                      AccumulatorUse* use) {
    at::Tensor result = at::empty(shape, at::kFloat);
    auto* out = result.data_ptr<float>();
    std::atomic<std::int64_t> low = 0, high = 0;
    at::parallel_for(0, result.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        std::int64_t below = 0, above = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const double draw =
                type.rounding == Rounding::Stochastic ? stochasticDraw(seed, static_cast<std::uint64_t>(i)) : 0.0;
            const WideBounded bounded = requantize(sums[i], *type.fractionalBits - sums.fractionBits, type, draw);
            below += bounded.side == Side::Low;
            above += bounded.side == Side::High;
            out[i] = toFloat(bounded.value, -*type.fractionalBits, toOdd);
        }
        low += below;
        high += above;
    });
    if (use) {
        use->overflowLow = low;
        use->overflowHigh = high;
    }
    return result;
}

bool onGrid(const QType& type) {
    return type.isComplete() && !type.affine;
}

/// What exactSum does without a gradient.
ExactSum compute(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                 const ProductFormats& formats, std::uint64_t seed, AccumulatorUse* use) {
    const bool accumulates = onGrid(formats.accumulator);
    const auto plain = [&]() -> ExactSum {
        const at::Tensor sum = product.plain(x, w, bias);
        return {sum, accumulates ? quantize(sum, formats.accumulator, "accumulator", seed) : sum};
    };
    const bool hasBias = bias.defined();
    if (!onGrid(formats.x) || !onGrid(formats.w) || (hasBias && !onGrid(formats.bias)) || x.numel() == 0)
        return plain();
    const Grid grid = gridOf(product, formats, hasBias);
    if (use)
        use->worstBits = grid.worstBits;
    const bool toOdd = onGrid(formats.activation) && *formats.activation.totalBits <= kOddBits;

    // The formats say how large the sums can be; where that is too much, the values say it closer.
    double bound = std::ldexp(1.0, grid.worstBits - 1);
    if (grid.worstBits > kFloatBits) {
        const double unit = std::ldexp(1.0, grid.fractionBits);
        bound = (largest(x) * largestRowSum(product, w) + (hasBias ? largest(bias) : 0)) * unit;
        if (!std::isfinite(bound))
            return plain();
    }
    WideSums wide;
    Integers integers;
    integers.fractionBits = grid.fractionBits;
    at::Tensor sum, doubles;
    double peak = 0;
    if (bound <= std::ldexp(1.0, kFloatBits)) {
        sum = product.plain(x, w, bias).contiguous();
        integers.floats = sum.data_ptr<float>();
    } else if (bound <= std::ldexp(1.0, kDoubleBits) || !wideSums(product, x, w, bias, formats, grid, wide)) {
        doubles = product.multiply(x.to(at::kDouble), w.to(at::kDouble)).contiguous();
        if (hasBias)
            doubles.add_(biasShaped(product, bias.to(at::kDouble), doubles));
        integers.doubles = doubles.data_ptr<double>();
        if (toOdd) {
            sum = at::empty(doubles.sizes(), at::kFloat);
            auto* out = sum.data_ptr<float>();
            at::parallel_for(0, sum.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    out[i] = toFloat(integers.doubles[i], true);
            });
        } else {
            sum = doubles.to(at::kFloat);
        }
    } else {
        integers.wide = &wide;
        sum = at::empty(wide.shape, at::kFloat);
        auto* out = sum.data_ptr<float>();
        at::parallel_for(0, sum.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                out[i] = toFloat(wide.values[static_cast<std::size_t>(i)], -grid.fractionBits, toOdd);
        });
    }
    if (use) {
        if (integers.wide) {
            for (const Int128 value : wide.values)
                use->observedBits = std::max(use->observedBits, bitsOf(value));
        } else {
            peak = largest(doubles.defined() ? doubles : sum);
            use->observedBits = std::isfinite(peak) ? magnitudeBits(peak, grid.fractionBits) + 1 : 0;
        }
    }
    const bool finite = integers.wide || doubles.defined() || std::isfinite(largest(sum));
    if (!accumulates)
        return {sum, sum};
    if (!finite)
        return {sum, quantize(sum, formats.accumulator, "accumulator", seed)};
    return {sum, accumulate(integers, sum.sizes(), formats.accumulator, toOdd, seed, use)};
}

} // namespace

void AccumulatorUse::add(const AccumulatorUse& part) {
    worstBits = std::max(worstBits, part.worstBits);
    observedBits = std::max(observedBits, part.observedBits);
    overflowLow += part.overflowLow;
    overflowHigh += part.overflowHigh;
}

ExactSum exactSum(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                  const ProductFormats& formats, std::uint64_t seed, AccumulatorUse* use) {
    if (!recordsGradient(x) && !recordsGradient(w) && !recordsGradient(bias))
        return compute(product, x, w, bias, formats, seed, use);
    const at::Tensor plain = product.plain(x, w, bias);
    ExactSum exact;
    {
        const at::NoGradGuard noGrad;
        exact = compute(product, x.detach(), w.detach(), bias.defined() ? bias.detach() : bias, formats, seed, use);
    }
    return {straightThrough(plain, exact.sum), straightThrough(plain, exact.accumulated)};
}

} // namespace fxp::quant
