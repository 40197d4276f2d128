#include "quant/core/exact_product.h"
#include "quant/core/straight_through.h"
#include "quant/core/sum_stage.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace fxp::quant {

namespace {

constexpr std::int64_t kBlock = 512, kGrain = 8 * kBlock;
/// Where two binary points are further apart than this, float64's exponents are too few for both.
constexpr int kMostShift = 900;

/// The sums to read and the tensors to write; null: there is none.
struct Elements {
    const float* floats = nullptr;
    const double* doubles = nullptr;
    const std::int64_t* words = nullptr;
    int fraction = 0; ///< of the words
    float *sum = nullptr, *accumulated = nullptr, *activation = nullptr;
};

struct Stages {
    std::optional<SumStage> accumulator, activation;
};

struct Counts {
    SumOverflow accumulator, activation;
};

void store(std::span<const double> values, float* out) {
    for (std::size_t i = 0; i < values.size(); ++i)
        out[i] = static_cast<float>(values[i]);
}

/// A block of float32 or float64 sums, in float64.
void quantizeBlock(const Elements& e, const Stages& stages, std::int64_t begin, std::int64_t end, Counts& counts) {
    std::array<double, kBlock> buffer;
    const std::span<double> values(buffer.data(), static_cast<std::size_t>(end - begin));
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = e.doubles ? e.doubles[begin + static_cast<std::int64_t>(i)]
                              : static_cast<double>(e.floats[begin + static_cast<std::int64_t>(i)]);
    if (e.sum)
        store(values, e.sum + begin);
    if (stages.accumulator) {
        stages.accumulator->quantize(values, begin, counts.accumulator);
        store(values, e.accumulated + begin);
    }
    if (stages.activation) {
        stages.activation->quantize(values, begin, counts.activation);
        store(values, e.activation + begin);
    }
}

/// A sum that is not finite; absent for others.
std::optional<float> nonFiniteAt(const Elements& e, std::int64_t i) {
    if (e.words)
        return nonFiniteOf({e.words[2 * i], e.words[2 * i + 1]});
    const double value = e.doubles ? e.doubles[i] : static_cast<double>(e.floats[i]);
    return std::isfinite(value) ? std::nullopt : std::optional(static_cast<float>(value));
}

/// One sum in 128-bit integers.
void quantizeExactly(const Elements& e, const Stages& stages, std::int64_t i, Counts& counts) {
    if (const std::optional<float> outside = nonFiniteAt(e, i)) { // there is no integer
        float value = *outside;
        if (e.sum)
            e.sum[i] = value;
        if (stages.accumulator)
            e.accumulated[i] = value = stages.accumulator->quantize(value, i, counts.accumulator);
        if (stages.activation)
            e.activation[i] = stages.activation->quantize(value, i, counts.activation);
        return;
    }
    Exact value = e.words ? Exact{joined({e.words[2 * i], e.words[2 * i + 1]}), -e.fraction}
                          : exactOf(e.doubles ? e.doubles[i] : static_cast<double>(e.floats[i]));
    if (e.sum)
        e.sum[i] = value.toFloat();
    if (stages.accumulator) {
        value = stages.accumulator->quantize(value, i, counts.accumulator);
        e.accumulated[i] = value.toFloat();
    }
    if (stages.activation)
        e.activation[i] = stages.activation->quantize(value, i, counts.activation).toFloat();
}

/// Whether float64 holds every sum and every integer that the steps compute.
bool runsInDoubles(const Elements& e, const Stages& stages) {
    if (e.words || (stages.accumulator && !stages.accumulator->fitsDouble()) ||
        (stages.activation && !stages.activation->fitsDouble()))
        return false;
    if (!stages.accumulator || !stages.activation)
        return true;
    const QType &from = stages.accumulator->type(), &to = stages.activation->type();
    return from.affine || to.affine || std::abs(*to.fractionalBits - *from.fractionalBits) <= kMostShift;
}

Counts run(const Elements& e, const Stages& stages, std::int64_t count) {
    const bool inDoubles = runsInDoubles(e, stages);
    std::array<std::atomic<std::int64_t>, 4> totals{};
    at::parallel_for(0, (count + kBlock - 1) / kBlock, kGrain / kBlock, [&](std::int64_t first, std::int64_t last) {
        Counts counts;
        for (std::int64_t block = first; block < last; ++block) {
            const std::int64_t begin = block * kBlock, end = std::min(count, begin + kBlock);
            if (inDoubles) {
                quantizeBlock(e, stages, begin, end, counts);
            } else {
                for (std::int64_t i = begin; i < end; ++i)
                    quantizeExactly(e, stages, i, counts);
            }
        }
        totals[0] += counts.accumulator.low;
        totals[1] += counts.accumulator.high;
        totals[2] += counts.activation.low;
        totals[3] += counts.activation.high;
    });
    return {{totals[0], totals[1]}, {totals[2], totals[3]}};
}

/// What quantizeSum does without a gradient.
QuantizedSum compute(const at::Tensor& given, const ProductFormats& formats, bool hasBias, const SumFormats& next) {
    const at::Tensor sum = given.contiguous();
    const bool isFloat = sum.scalar_type() == at::kFloat, isWide = sum.scalar_type() == at::kLong;
    const at::IntArrayRef shape = sum.sizes().slice(0, static_cast<std::size_t>(isWide ? sum.dim() - 1 : sum.dim()));
    Stages stages;
    if (next.accumulator.isComplete())
        stages.accumulator.emplace(next.accumulator, next.accumulatorSeed, next.firstIndex, shape, "accumulator");
    if (next.activation.isComplete())
        stages.activation.emplace(next.activation, next.activationSeed, next.firstIndex, shape, "activation");

    Elements e;
    QuantizedSum result;
    const auto output = [&](float*& place) {
        at::Tensor tensor = at::empty(shape, at::kFloat);
        place = tensor.data_ptr<float>();
        return tensor;
    };
    result.sum = isFloat ? sum : output(e.sum);
    result.accumulated = stages.accumulator ? output(e.accumulated) : result.sum;
    result.activation = stages.activation ? output(e.activation) : result.accumulated;
    if (isFloat) {
        e.floats = sum.data_ptr<float>();
    } else if (isWide) {
        e.words = sum.data_ptr<std::int64_t>();
        e.fraction = sumFraction(formats, hasBias);
    } else {
        e.doubles = sum.data_ptr<double>();
    }
    if (e.sum || stages.accumulator || stages.activation) {
        const Counts counts = run(e, stages, result.sum.numel());
        result.accumulatorOverflow = counts.accumulator;
        result.activationOverflow = counts.activation;
    }
    return result;
}

} // namespace

QuantizedSum quantizeSum(const at::Tensor& sum, const ProductFormats& formats, bool hasBias, const SumFormats& next) {
    if (!recordsGradient(sum))
        return compute(sum, formats, hasBias, next);
    QuantizedSum result = compute(sum.detach(), formats, hasBias, next);
    const at::Tensor exact = sum.to(at::kFloat);
    const bool accumulates = !result.accumulated.is_same(result.sum);
    const bool activates = !result.activation.is_same(result.accumulated);
    result.sum = exact; // to nearest, as compute() rounds it
    result.accumulated = accumulates ? straightThrough(exact, result.accumulated) : exact;
    result.activation = activates ? straightThrough(result.accumulated, result.activation) : result.accumulated;
    return result;
}

} // namespace fxp::quant
