#include "quant/calibrate/fit.h"

#include "quant/calibrate/clipping.h"
#include "quant/core/error.h"
#include "quant/core/quantize.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fxp::quant {

namespace {

constexpr int kDepth = 10;

/// The summed squared error of one trial: exact, and so the same for any way of cutting the tensor into parts.
double errorOf(const TensorParts& parts, const QType& type, const std::string& where, std::uint64_t seed) {
    SquaredError error;
    for (const TensorPart& part : parts) {
        const at::Tensor x = part.values.contiguous();
        error.add(squaredError(jobOf(part, x, type, where, seed)));
    }
    return error.noise.value();
}

/// The format with the least error among `tries` ever finer ones; ties to the coarser.
template <class Next> QType leastError(const TensorParts& parts, QType trial, int tries, Next next,
                                       const std::string& where, std::uint64_t seed) {
    QType best = trial;
    double least = INFINITY;
    for (int step = 0; step < tries; ++step) {
        const double error = errorOf(parts, trial, where, seed);
        if (error < least) {
            least = error;
            best = trial;
        }
        next(trial, step);
    }
    return best;
}

QType withPoint(const TensorParts& parts, const ValueRange& range, const QType& given, Method method,
                const std::string& where, std::uint64_t seed) {
    if (method == Method::HighPrecision)
        return highPrecision(range, given, where);
    if (method != Method::MinMse)
        return noOverflow(range, given, where);
    if (!given.totalBits)
        throw Error(where, "min_mse needs total_bits", "give total_bits");
    return leastError(
        parts, noOverflow(range, given, where), kDepth + 1, [](QType& trial, int) { ++*trial.fractionalBits; }, where,
        seed);
}

/// A scale and zero point under which the range does not overflow.
struct Scaling {
    double scale = 1;
    std::int64_t zeroPoint = 0;
};

Scaling scalingOf(const ValueRange& range, int totalBits, Scheme scheme) {
    const double half = std::ldexp(1.0, totalBits - 1);
    if (scheme == Scheme::Affine) {
        const double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0); // 0 must be a value
        if (low == high)
            return {};
        const double scale = (high - low) / (2 * half - 1);
        const double zero = std::clamp(std::nearbyint(-half - low / scale), -half, half - 1);
        return {scale, static_cast<std::int64_t>(zero)};
    }
    const double scale = std::max(-range.low / half, range.high / (half - 1));
    return {scale > 0 ? scale : 1, 0};
}

/// The range in which the format must not overflow: what the method leaves of the values' range.
ValueRange clipped(const TensorParts& parts, const ValueRange& range, const QType& given, Method method,
                   const CalibrationOptions& options, const std::string& where) {
    std::vector<at::Tensor> tensors;
    for (const TensorPart& part : parts)
        tensors.push_back(part.values);
    if (method == Method::Percentile)
        return percentileRange(tensors, options.percentile, where);
    if (method == Method::KlDivergence) {
        if (!given.totalBits)
            throw Error(where, "kl needs total_bits", "give total_bits");
        return leastDivergenceRange(tensors, range, std::ldexp(1.0, *given.totalBits - 1));
    }
    return range;
}

QType withScale(const TensorParts& parts, const ValueRange& range, const QType& given, Method method, Scheme scheme,
                const std::string& where, std::uint64_t seed) {
    if (!given.totalBits)
        throw Error(where, "a real-valued scale needs total_bits", "give total_bits");
    const auto holding = [&](double share) {
        QType type = given;
        type.fractionalBits.reset();
        const Scaling scaling = scalingOf({range.low * share, range.high * share}, *given.totalBits, scheme);
        type.affine = Affine{{scaling.scale}, {scaling.zeroPoint}, -1};
        return type;
    };
    if (method != Method::MinMse)
        return holding(1);
    // Each trial's scale is 2^−¼ times the one before.
    return leastError(
        parts, holding(1), 4 * kDepth + 1,
        [&](QType& trial, int step) { trial = holding(std::exp2(-0.25 * (step + 1))); }, where, seed);
}

QType perChannel(const TensorParts& parts, const QType& given, Method method, const CalibrationOptions& options,
                 int axis, const std::string& where, std::uint64_t seed) {
    QType type = given;
    type.fractionalBits.reset();
    type.affine = Affine{{}, {}, axis};
    for (std::int64_t channel = 0; channel < parts[0].values.size(axis); ++channel) {
        TensorParts slices;
        ValueRange range = valueRange(parts[0].values.select(axis, channel));
        for (const TensorPart& part : parts) {
            slices.emplace_back(part.values.select(axis, channel).contiguous());
            range.include(valueRange(slices.back().values));
        }
        const QType one = fit(slices, range, given, method, options, -1, where, seed);
        type.totalBits = one.totalBits;
        type.affine->scale.push_back(one.affine ? one.affine->scale[0] : std::ldexp(1.0, -*one.fractionalBits));
        type.affine->zeroPoint.push_back(one.affine ? one.affine->zeroPoint[0] : 0);
    }
    return type;
}

} // namespace

QuantizeJob jobOf(const TensorPart& part, const at::Tensor& x, const QType& type, const std::string& where,
                  std::uint64_t seed) {
    QuantizeJob job;
    job.x = x.data_ptr<float>();
    job.count = x.numel();
    job.perSample = part.perSample;
    job.firstIndex = part.firstIndex;
    job.type = type;
    job.seed = seed;
    job.setShape(x.sizes(), where);
    return job;
}

QType fit(const TensorParts& parts, const ValueRange& range, const QType& given, Method method,
          const CalibrationOptions& options, int channelAxis, const std::string& where, std::uint64_t seed) {
    if (channelAxis >= 0) {
        if (!given.totalBits || method == Method::HighPrecision)
            throw Error(where, "scales per channel need total_bits and a method that keeps them",
                        "give total_bits, and another method than high_precision");
        return perChannel(parts, given, method, options, channelAxis, where, seed);
    }
    const ValueRange held = clipped(parts, range, given, method, options, where);
    if (!std::isfinite(held.low) || !std::isfinite(held.high))
        throw Error(where, "the tensor's range is not finite", "look at the samples or the float model");
    if (options.scheme == Scheme::PowerOfTwo)
        return withPoint(parts, held, given, method, where, seed);
    if (method == Method::HighPrecision)
        throw Error(where, "high_precision sets a binary point, and a scale has none", "take another method");
    return withScale(parts, held, given, method, options.scheme, where, seed);
}

} // namespace fxp::quant
