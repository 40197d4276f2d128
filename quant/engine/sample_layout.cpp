#include "quant/engine/sample_layout.h"

#include "quant/engine/batch.h"
#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <span>

namespace fxp::quant {

namespace {

/// Nearly all operators are computed so that a sample has the same bits alone and among others; a few of LibTorch's may
/// differ in the last place. The influence of another sample is larger than this.
constexpr double kTolerance = 1e-6;

/// The dimension whose extent is twice as large for two samples as for one; −1 where both shapes are equal; absent
/// where they differ in any other way.
std::optional<std::int8_t> doubledDimension(const at::Tensor& one, const at::Tensor& two) {
    if (!one.defined() || !two.defined())
        return one.defined() == two.defined() ? std::optional<std::int8_t>(-1) : std::nullopt;
    if (one.dim() != two.dim())
        return std::nullopt;
    std::int8_t found = -1;
    for (std::int64_t i = 0; i < one.dim(); ++i) {
        if (one.size(i) == two.size(i))
            continue;
        if (found >= 0 || two.size(i) != 2 * one.size(i))
            return std::nullopt;
        found = static_cast<std::int8_t>(i);
    }
    return found;
}

/// Element by element, as at::isclose says it with NaN equal to NaN.
bool areClose(std::span<const float> alone, std::span<const float> among) {
    double largest = 0;
    for (const float value : among) {
        if (std::isfinite(value))
            largest = std::max(largest, std::abs(static_cast<double>(value)));
    }
    for (std::size_t i = 0; i < among.size(); ++i) {
        const double a = alone[i], b = among[i];
        const double error = std::abs(b - a);
        const bool close = std::isfinite(error) && error <= kTolerance * largest + std::abs(kTolerance * a);
        if (a != b && !close && !(std::isnan(a) && std::isnan(b)))
            return false;
    }
    return true;
}

bool isSame(const at::Tensor& alone, const at::Tensor& among) {
    if (alone.is_same(among))
        return true;
    if (alone.sizes() != among.sizes())
        return false;
    if (alone.numel() == 0)
        return true;
    const at::Tensor x = alone.contiguous(), y = among.contiguous();
    if (x.scalar_type() == y.scalar_type()) {
        // Most have the same bits; a network has many thousand small tensors, for which ATen's comparison costs far
        // more than the reading.
        if (x.data_ptr() == y.data_ptr() || std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) == 0)
            return true;
        const auto count = static_cast<std::size_t>(x.numel());
        if (x.scalar_type() == at::kFloat)
            return areClose({x.data_ptr<float>(), count}, {y.data_ptr<float>(), count});
    }
    const at::Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
    const double largest = at::nan_to_num(b, 0.0, 0.0, 0.0).abs().max().item<double>();
    return at::isclose(b, a, kTolerance, kTolerance * largest, true).all().item<bool>();
}

/// The float values of some samples, at least those that are compared: from a recording where the program depends on
/// its inputs' values, else from a run. Absent where the model executes other steps for these samples.
std::optional<Tensors> valuesOf(Network& network, const Program& program, const ModelArguments& arguments,
                                const std::vector<char>& compared, const std::function<bool()>& stop) {
    if (program.dataDependent) {
        Recording recording = network.record(arguments, stop);
        if (!sameSteps(recording.program, program))
            return std::nullopt;
        return std::move(recording.values);
    }
    const at::NoGradGuard noGrad;
    Tensors values = startingValues(program, tensorsOf(arguments));
    const std::array lanes{Lane{&program, &values, {}}};
    StepLoop loop;
    loop.stop = stop;
    loop.keep = &compared;
    if (!runSteps(loop, lanes))
        throw Stopped();
    return values;
}

/// Whether a sample has the same values among the `count` samples of `many` as alone.
bool isApart(const Tensors& many, std::int64_t count, std::int64_t sample, const Tensors& alone,
             const std::vector<char>& compared, const std::vector<std::int8_t>& dimensions) {
    for (std::size_t id = 0; id < many.size(); ++id) {
        if (!compared[id] || !many[id].defined())
            continue;
        if (!alone[id].defined())
            return false;
        const std::int8_t dimension = dimensions[id];
        if (dimension >= 0 && many[id].size(dimension) % count != 0)
            return false;
        const std::int64_t places = dimension < 0 ? 0 : many[id].size(dimension) / count;
        if (!isSame(alone[id], dimension < 0 ? many[id] : many[id].narrow(dimension, sample * places, places)))
            return false;
    }
    return true;
}

SampleLayout tryLayout(Network& network, const ModelArguments& arguments, std::int64_t count,
                       const std::function<bool()>& stop) {
    SampleLayout layout;
    // Large networks: no more values at once than of two samples and of one.
    Recording two = network.record(slice(arguments, 0, 2), stop);
    Recording one = network.record(slice(arguments, 0, 1), stop);
    if (!sameSteps(one.program, two.program))
        return {};
    for (std::size_t id = 0; id < two.values.size(); ++id) {
        const auto dimension = doubledDimension(one.values[id], two.values[id]);
        if (!dimension)
            return {};
        layout.dimensions.push_back(*dimension);
    }
    const std::vector<char> compared = floatValuesNeeded(two.program);
    layout.perSample = workingSetOf(two.program, two.values, 2, compared);
    const auto isAlone = [&](const Tensors& both, std::int64_t number, std::int64_t sample) {
        const auto alone = valuesOf(network, one.program, slice(arguments, sample, sample + 1), compared, stop);
        return alone && isApart(both, 2, number, *alone, compared, layout.dimensions);
    };
    if (!isApart(two.values, 2, 0, one.values, compared, layout.dimensions))
        return {};
    one.values = {};
    if (!isAlone(two.values, 1, 1))
        return {};
    two.values = {};
    if (count > 2) {
        const auto both = valuesOf(network, two.program, slice(arguments, count - 2, count), compared, stop);
        if (!both || !isAlone(*both, 0, count - 2) || !isAlone(*both, 1, count - 1))
            return {};
    }
    layout.program = std::make_shared<const Program>(std::move(two.program));
    layout.separable = true;
    return layout;
}

/// Whether the samples from `begin` to `end` have the same values together as alone: compares those at both ends and in
/// the middle.
bool rangeIsApart(Network& network, const ModelArguments& arguments, std::int64_t begin, std::int64_t end,
                  const SampleLayout& layout, const std::function<bool()>& stop) {
    const Recording many = network.record(slice(arguments, begin, end), stop);
    if (!sameSteps(many.program, *layout.program))
        return false;
    const std::vector<char> compared = floatValuesNeeded(many.program);
    const std::int64_t count = end - begin;
    for (const std::int64_t sample : std::set<std::int64_t>{0, 1, count / 2, count - 1}) {
        const Recording alone = network.record(slice(arguments, begin + sample, begin + sample + 1), stop);
        if (!sameSteps(alone.program, many.program) ||
            !isApart(many.values, count, sample, alone.values, compared, layout.dimensions))
            return false;
    }
    return true;
}

} // namespace

bool mayBeCut(Network& network, const ModelArguments& arguments, std::int64_t count, const SampleLayout& layout,
              std::int64_t memoryBytes, const std::function<bool()>& stop) {
    constexpr std::int64_t kAtLeast = std::int64_t{8} << 20;
    const std::int64_t together =
        std::clamp<std::int64_t>(std::max(memoryBytes, kAtLeast) / layout.perSample.recorded, 2, count);
    return rangeIsApart(network, arguments, 0, together, layout, stop) &&
           (together == count || rangeIsApart(network, arguments, count - together, count, layout, stop));
}

SampleLayout findSampleLayout(Network& network, const ModelArguments& arguments, std::int64_t count,
                              const std::function<bool()>& stop) {
    if (count < 2)
        return {};
    try {
        return tryLayout(network, arguments, count, stop);
    } catch (const std::exception&) {
        return {}; // the model runs with one number of samples only, as a file traced with a fixed batch size does
    }
}

} // namespace fxp::quant
