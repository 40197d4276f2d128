#include "quant/core/exact_product.h"

#include "quant/core/sliced_product.h"
#include "quant/core/straight_through.h"
#include "quant/core/sum_grid.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>

namespace fxp::quant {

namespace {

constexpr int kFloatBits = 24, kDoubleBits = 53;
/// The fractions F for which float32 holds every partial sum of 24 bits, and every product.
constexpr int kFloatLeastFraction = -100, kFloatMostFraction = 149;
constexpr std::int64_t kGrain = 8192;

double power(int exponent) {
    return std::ldexp(1.0, exponent);
}

std::int64_t wrapDimension(int dimension, std::int64_t dimensions) {
    return dimension < 0 ? dimension + dimensions : dimension;
}

/// The vector reshaped so that it broadcasts along the result's channels.
at::Tensor alongChannels(const Product& product, const at::Tensor& vector, std::int64_t dimensions) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(dimensions), 1);
    shape[static_cast<std::size_t>(wrapDimension(product.biasDimension, dimensions))] = vector.numel();
    return vector.reshape(shape);
}

std::vector<std::int64_t> otherDimensions(std::int64_t dimensions, std::int64_t kept) {
    std::vector<std::int64_t> others;
    for (std::int64_t i = 0; i < dimensions; ++i) {
        if (i != kept)
            others.push_back(i);
    }
    return others;
}

std::vector<double> toVector(const at::Tensor& values) {
    const at::Tensor flat = values.to(at::kDouble).contiguous();
    return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

/// Σ|w| for each output channel; one bound for all sums where w has no dimension of output channels.
std::vector<double> rowSums(const Product& product, const at::Tensor& w) {
    if (product.outputDimension < 0)
        return {largest(w) * static_cast<double>(product.terms)};
    return toVector(w.abs().sum(otherDimensions(w.dim(), product.outputDimension), false, at::kDouble));
}

/// A bound of |partial sum| over all channels, each in units of its own 2^−fraction. Slightly larger than computed, for
/// the roundings of the computation itself; not finite where an operand is not.
double boundOf(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
               const std::vector<int>& fraction) {
    const double most = largest(x);
    const bool single = fraction.size() == 1;
    const std::vector<double> rows =
        single && product.weightRowSum ? std::vector{*product.weightRowSum} : rowSums(product, w);
    const std::vector<double> biases =
        bias.defined() && !single ? toVector(bias.abs()) : std::vector<double>{largest(bias)};
    double bound = 0;
    for (std::size_t c = 0; c < std::max({rows.size(), biases.size(), fraction.size()}); ++c) {
        const double one =
            (most * rows[c % rows.size()] + biases[c % biases.size()]) * power(fraction[c % fraction.size()]);
        if (std::isnan(one))
            return one;
        bound = std::max(bound, one);
    }
    return bound * (1 + power(-40));
}

/// Bits that the least and the greatest sum of any channel need, on that channel's grid.
int observedBits(const Product& product, const at::Tensor& sums, const std::vector<int>& fraction) {
    if (sums.numel() == 0)
        return 0;
    std::vector<double> low, high;
    if (fraction.size() == 1) {
        const auto [least, greatest] = at::aminmax(sums);
        low = {least.item<double>()};
        high = {greatest.item<double>()};
    } else {
        const auto others = otherDimensions(sums.dim(), wrapDimension(product.biasDimension, sums.dim()));
        low = toVector(others.empty() ? sums : sums.amin(others));
        high = toVector(others.empty() ? sums : sums.amax(others));
    }
    int bits = 0;
    for (std::size_t c = 0; c < low.size(); ++c) {
        if (!std::isfinite(low[c]) || !std::isfinite(high[c]))
            return 0;
        const int f = fraction[c % fraction.size()];
        bits = std::max({bits, bitsOf(low[c], f), bitsOf(high[c], f)});
    }
    return bits;
}

/// The same for 128-bit sums in units of 2^−unit; a channel's own grid may be coarser.
int observedBits(const Product& product, const WideSums& sums, const std::vector<int>& fraction, int unit) {
    std::int64_t inner = 1;
    const auto dimensions = static_cast<std::int64_t>(sums.shape.size());
    for (std::int64_t i = wrapDimension(product.biasDimension, dimensions) + 1; i < dimensions; ++i)
        inner *= sums.shape[static_cast<std::size_t>(i)];
    int bits = 0;
    for (std::size_t k = 0; k < sums.values.size(); ++k) {
        const std::size_t channel = k / static_cast<std::size_t>(inner) % fraction.size();
        bits = std::max(bits, std::max(1, bitsOf(sums.values[k]) + fraction[channel] - unit));
    }
    return bits;
}

/// The operand's integers in float64: value / scale. Undefined where a value is not exactly an integer times its scale.
at::Tensor integersOf(const at::Tensor& values, const QType& type, const OperandGrid& grid, int axis) {
    const at::Tensor source = values.contiguous();
    const auto channels = static_cast<std::int64_t>(grid.scale.size());
    std::int64_t stride = 1;
    if (channels > 1) {
        if (axis >= source.dim() || source.size(axis) != channels)
            return {};
        for (std::int64_t i = axis + 1; i < source.dim(); ++i)
            stride *= source.size(i);
    }
    at::Tensor result = at::empty(source.sizes(), at::kDouble);
    const auto* in = source.data_ptr<float>();
    auto* out = result.data_ptr<double>();
    // Above 24 bits several integers round to the same float32 value: clamping chooses one that the format has.
    const double half = type.affine ? power(*type.totalBits - 1) : INFINITY;
    std::atomic<bool> fits = true;
    at::parallel_for(0, source.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        bool all = true;
        for (std::int64_t i = begin; i < end; ++i) {
            const auto c = static_cast<std::size_t>(channels == 1 ? 0 : i / stride % channels);
            const double scale = grid.scale[c];
            const double zero = type.affine ? static_cast<double>(type.affine->zeroPoint[c]) : 0;
            double integer = std::nearbyint(static_cast<double>(in[i]) / scale);
            integer = std::clamp(integer, -half - zero, half - 1 - zero);
            out[i] = integer;
            all = all && static_cast<float>(integer * scale) == in[i];
        }
        if (!all)
            fits = false;
    });
    return fits ? result : at::Tensor();
}

/// Adds the bias, as integers in units of 2^−fraction. The bias must lie on that grid.
void addBias(const Product& product, WideSums& sums, const at::Tensor& bias, int fraction) {
    const at::Tensor spread =
        alongChannels(product, bias.to(at::kDouble), static_cast<std::int64_t>(sums.shape.size())).expand(sums.shape);
    const at::Tensor flat = spread.contiguous();
    const double* data = flat.data_ptr<double>();
    for (std::size_t k = 0; k < sums.values.size(); ++k) {
        if (data[k] == 0)
            continue; // zero has no exponent to shift by
        const Exact exact = exactOf(data[k]);
        const int shift = exact.exponent + fraction;
        // A negative shift drops only zeros, because the bias lies on the grid.
        sums.values[k] += shift >= 0 ? exact.mantissa * (Int128{1} << shift) : exact.mantissa >> std::min(-shift, 64);
    }
}

/// The sum where an operand has a scale that is not a power of two: sums the integers exactly and multiplies by the
/// scales once. Undefined where the operands are not integers times their scales.
at::Tensor scaledSum(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                     const ProductFormats& formats, const OperandGrid& xGrid, const OperandGrid& wGrid,
                     const OperandGrid* biasGrid, const SumGrid& grid, AccumulatorUse* use) {
    const at::Tensor xs = integersOf(x, formats.x, xGrid, -1);
    const at::Tensor ws = integersOf(w, formats.w, wGrid, product.outputDimension);
    const at::Tensor own = grid.biasOnGrid ? integersOf(bias, formats.bias, *biasGrid, 0) : at::Tensor();
    if (!xs.defined() || !ws.defined() || (grid.biasOnGrid && !own.defined()))
        return {};
    Product integers = product;
    integers.weightRowSum.reset(); // it was computed of the values, not of the integers
    const double bound = boundOf(integers, xs, ws, own, {0});
    const int biasBits = own.defined() ? bitsOf(largest(own), 0) : 0;
    bool biasAdded = false;
    at::Tensor sums;
    if (bound <= power(kFloatBits)) {
        sums = product.plain(xs.to(at::kFloat), ws.to(at::kFloat), {}).to(at::kDouble);
    } else {
        auto wide = bound <= power(kDoubleBits) ? std::nullopt : slicedProduct(product, xs, ws, 0, biasBits);
        if (wide && own.defined())
            addBias(product, *wide, own, 0);
        sums = wide ? doubleTensor(*wide, 0) : product.multiply(xs, ws);
        biasAdded = wide && own.defined();
    }
    if (own.defined() && !biasAdded)
        sums = sums + alongChannels(product, own, sums.dim());
    if (use)
        use->observedBits = observedBits(product, sums, {0});
    at::Tensor scale = at::empty({static_cast<std::int64_t>(grid.channels)}, at::kDouble);
    std::ranges::copy(grid.scale, scale.data_ptr<double>());
    if (grid.channels > 1) // each group of a transposed convolution has the same scales
        scale = scale.repeat({sums.size(product.biasDimension) / scale.numel()});
    sums = sums * alongChannels(product, scale, sums.dim());
    return bias.defined() && !own.defined() ? sums + alongChannels(product, bias.to(at::kDouble), sums.dim()) : sums;
}

/// Sums that need more than 53 bits, in 128-bit integers. Undefined where 126 bits are too few even on the coarsest
/// grid on which all values lie.
at::Tensor wideSum(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                   const ProductFormats& formats, const SumGrid& grid, AccumulatorUse* use) {
    const int xFraction = tightFraction(x), wFraction = tightFraction(w);
    const at::Tensor xs = x.to(at::kDouble) * power(xFraction), ws = w.to(at::kDouble) * power(wFraction);
    const int products = xFraction + wFraction;
    const int tight = bias.defined() ? std::max(products, tightFraction(bias)) : products;
    const int wanted = sumFraction(formats, bias.defined());
    for (const int fraction : {wanted, tight}) {
        const int biasBits = bias.defined() ? bitsOf(largest(bias), fraction) : 0;
        std::optional<WideSums> sums = slicedProduct(product, xs, ws, fraction - products, biasBits);
        if (!sums)
            continue;
        if (bias.defined())
            addBias(product, *sums, bias, fraction);
        if (use)
            use->observedBits = observedBits(product, *sums, grid.fraction, fraction);
        return fraction == wanted ? wordTensor(*sums) : doubleTensor(*sums, fraction);
    }
    // The bias is so much larger or smaller than the products that 126 bits do not hold both: it is added in float64.
    const auto alone = bias.defined() ? slicedProduct(product, xs, ws, 0, 0) : std::nullopt;
    if (!alone)
        return {};
    const at::Tensor sum = doubleTensor(*alone, products);
    const at::Tensor result = sum + alongChannels(product, bias.to(at::kDouble), sum.dim());
    if (use)
        use->observedBits = observedBits(product, result, grid.fraction);
    return result;
}

/// The values of 128-bit integers in float64, rounded to nearest.
at::Tensor asDoubles(const at::Tensor& sum, int fraction) {
    if (sum.scalar_type() != at::kLong)
        return sum;
    at::Tensor result = at::empty(sum.sizes().slice(0, static_cast<std::size_t>(sum.dim()) - 1), at::kDouble);
    const auto* words = sum.data_ptr<std::int64_t>();
    auto* out = result.data_ptr<double>();
    for (std::int64_t i = 0; i < result.numel(); ++i) {
        const Words one{words[2 * i], words[2 * i + 1]};
        const std::optional<float> outside = nonFiniteOf(one);
        out[i] = outside ? *outside : std::ldexp(static_cast<double>(joined(one)), -fraction);
    }
    return result;
}

at::Tensor compute(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                   const ProductFormats& formats, AccumulatorUse* use);

/// For operands that are not all finite: sums that are not finite are those of the plain operator, and the finite ones
/// are exact all the same.
at::Tensor partlyFinite(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                        const ProductFormats& formats, AccumulatorUse* use) {
    const auto zeroed = [](const at::Tensor& t) { return t.defined() ? at::nan_to_num(t, 0.0, 0.0, 0.0) : t; };
    const at::Tensor sum = compute(product, zeroed(x), zeroed(w), zeroed(bias), formats, use);
    const at::Tensor plain = product.plain(x, w, bias);
    if (sum.scalar_type() == at::kLong) {
        const at::Tensor values = plain.contiguous();
        const auto* from = values.data_ptr<float>();
        auto* words = sum.data_ptr<std::int64_t>();
        for (std::int64_t i = 0; i < values.numel(); ++i) {
            if (std::isfinite(from[i]))
                continue;
            const Words outside = nonFiniteWords(from[i]);
            words[2 * i] = outside.low;
            words[2 * i + 1] = outside.high;
        }
        return sum;
    }
    return at::where(at::isfinite(plain), sum, plain.to(sum.scalar_type()));
}

/// What exactSum does without a gradient.
at::Tensor compute(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                   const ProductFormats& formats, AccumulatorUse* use) {
    const bool hasBias = bias.defined();
    const auto xGrid = operandGrid(formats.x, -1), wGrid = operandGrid(formats.w, product.outputDimension);
    const auto biasGrid = hasBias ? operandGrid(formats.bias, 0) : std::nullopt;
    if (!xGrid || !wGrid || (hasBias && !biasGrid))
        return product.plain(x, w, bias);
    const SumGrid grid(*xGrid, *wGrid, hasBias ? &*biasGrid : nullptr, product.terms);
    if (use)
        use->worstBits = grid.worstBits;
    if (x.numel() == 0 || w.numel() == 0)
        return product.plain(x, w, bias);
    if (!std::isfinite(largest(x)) || !std::isfinite(largest(w)) || !std::isfinite(largest(bias)))
        return partlyFinite(product, x, w, bias, formats, use);
    if (!grid.isPowerOfTwo()) {
        const at::Tensor sum =
            scaledSum(product, x, w, bias, formats, *xGrid, *wGrid, hasBias ? &*biasGrid : nullptr, grid, use);
        if (sum.defined())
            return sum;
        if (use)
            use->worstBits = 0;
        return product.plain(x, w, bias);
    }

    // The formats bound the sums. Where that bound is too large for float32, the values may give a smaller one.
    double bound = power(grid.worstBits - 1);
    const auto [coarsest, finest] = std::ranges::minmax(grid.valueFraction);
    const bool inFloatRange = coarsest >= kFloatLeastFraction && finest <= kFloatMostFraction;
    if (grid.worstBits > kFloatBits || !inFloatRange) {
        bound = boundOf(product, x, w, bias, grid.valueFraction);
        if (!std::isfinite(bound))
            return product.plain(x, w, bias);
    }
    at::Tensor sum;
    if (bound <= power(kFloatBits) && inFloatRange) {
        sum = product.plain(x, w, bias);
        sum.add_(0); // turns −0 into 0: integers have no −0
    } else {
        if (bound > power(kDoubleBits))
            sum = wideSum(product, x, w, bias, formats, grid, use);
        if (sum.defined())
            return sum;
        sum = product.multiply(x.to(at::kDouble), w.to(at::kDouble));
        if (hasBias)
            sum.add_(alongChannels(product, bias.to(at::kDouble), sum.dim()));
        sum.add_(0);
    }
    if (use)
        use->observedBits = observedBits(product, sum, grid.fraction);
    return sum;
}

} // namespace

void AccumulatorUse::add(const AccumulatorUse& part) {
    worstBits = std::max(worstBits, part.worstBits);
    observedBits = std::max(observedBits, part.observedBits);
    overflowLow += part.overflowLow;
    overflowHigh += part.overflowHigh;
}

at::Tensor exactSum(const Product& product, const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                    const ProductFormats& formats, AccumulatorUse* use) {
    if (!recordsGradient(x) && !recordsGradient(w) && !recordsGradient(bias))
        return compute(product, x, w, bias, formats, use);
    const at::Tensor plain = product.plain(x, w, bias);
    at::Tensor exact;
    {
        const at::NoGradGuard noGrad;
        exact = compute(product, x.detach(), w.detach(), bias.defined() ? bias.detach() : bias, formats, use);
        if (exact.scalar_type() == at::kLong)
            exact = asDoubles(exact, sumFraction(formats, bias.defined()));
    }
    return straightThrough(plain.to(exact.scalar_type()), exact);
}

} // namespace fxp::quant
