#include "quant/calibrate/fit.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/core/exact_product.h"
#include "quant/core/quantize.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/lstm.h"
#include "quant/ops/products.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

using namespace fxp;
using namespace fxp::quant;

namespace {

constexpr std::int64_t kSize = 512;

QType format(int total, int fraction) {
    QType type;
    type.totalBits = total;
    type.fractionalBits = fraction;
    return type;
}

/// The peer: the float32 product.
void gemmFloat(benchmark::State& state) {
    const at::Tensor x = at::randn({kSize, kSize}), w = at::randn({kSize, kSize});
    for (auto _ : state)
        benchmark::DoNotOptimize(at::linear(x, w));
}
BENCHMARK(gemmFloat)->Unit(benchmark::kMillisecond);

/// The exact product of operands of as many bits.
void gemmExact(benchmark::State& state) {
    const int bits = static_cast<int>(state.range(0));
    ProductFormats formats;
    formats.x = formats.w = format(bits, bits - 4);
    SumFormats next;
    next.activation = format(16, 8);
    const at::Tensor x = quantize(at::randn({kSize, kSize}), formats.x, "x");
    const at::Tensor w = quantize(at::randn({kSize, kSize}), formats.w, "w");
    const Product product = linearProduct(w);
    for (auto _ : state) {
        AccumulatorUse use;
        const at::Tensor sum = exactSum(product, x, w, {}, formats, &use);
        benchmark::DoNotOptimize(quantizeSum(sum, formats, false, next));
    }
}
BENCHMARK(gemmExact)->Arg(6)->Arg(8)->Arg(16)->Arg(24)->Unit(benchmark::kMillisecond);

constexpr std::int64_t kBatch = 32, kSteps = 32, kFeatures = 64, kHidden = 128;

RecurrentParameters parameters() {
    at::manual_seed(1);
    const auto matrix = [](std::int64_t columns) { return at::randn({4 * kHidden, columns}) * 0.08; };
    return {matrix(kFeatures), matrix(kHidden), at::zeros({4 * kHidden}), at::zeros({4 * kHidden}), {}, false};
}

/// The peer: LibTorch's own LSTM.
void lstmFloat(benchmark::State& state) {
    const at::NoGradGuard noGrad;
    const RecurrentParameters p = parameters();
    const at::Tensor x = at::randn({kBatch, kSteps, kFeatures});
    const std::vector<at::Tensor> hx{at::zeros({1, kBatch, kHidden}), at::zeros({1, kBatch, kHidden})};
    for (auto _ : state)
        benchmark::DoNotOptimize(
            at::lstm(x, hx, {p.weightIh, p.weightHh, p.biasIh, p.biasHh}, true, 1, 0.0, false, false, true));
}
BENCHMARK(lstmFloat)->Unit(benchmark::kMillisecond);

/// The quantized one from scratch, all values of all steps kept and all figures taken.
void lstmLogged(benchmark::State& state) {
    auto network = std::make_unique<test::LayerNetwork>(std::vector<std::string>{"x"},
                                                        [p = parameters()](Builder& run, const std::vector<Value>& in) {
                                                            Lstm layer("lstm", p);
                                                            const auto out = layer.forward({in[0], {}, {}}, run);
                                                            layer.declare(run);
                                                            return std::vector<Value>{out.output};
                                                        });
    Session session(std::move(network));
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::randn({kBatch, kSteps, kFeatures})));
    session.setSamples(samples);
    Formats formats = *session.calibrate(startingFormats(session.slots(), {}), {});
    for (auto _ : state) {
        ++*formats[0].fractionalBits; // the input: everything hangs on it
        session.run(formats);
        --*formats[0].fractionalBits;
        session.run(formats);
    }
    state.counters["runs"] = 2; // in each iteration
}
BENCHMARK(lstmLogged)->Unit(benchmark::kMillisecond);

const at::Tensor& million() {
    static const at::Tensor x = at::randn({1'000'000});
    return x;
}

/// The peer: ten quantizations by LibTorch, with their errors.
void tenFakeQuantize(benchmark::State& state) {
    const at::Tensor& x = million();
    for (auto _ : state) {
        for (int f = 0; f < 10; ++f)
            benchmark::DoNotOptimize(at::fake_quantize_per_tensor_affine(x, std::ldexp(1.0, -f), 0, -128, 127));
    }
}
BENCHMARK(tenFakeQuantize)->Unit(benchmark::kMillisecond);

/// The least error among eleven formats.
void minMseMillion(benchmark::State& state) {
    const ValueRange range = valueRange(million());
    for (auto _ : state)
        benchmark::DoNotOptimize(fit({million()}, range, {8, std::nullopt, {}, {}, {}}, Method::MinMse, {}, -1, "x"));
}
BENCHMARK(minMseMillion)->Unit(benchmark::kMillisecond);

} // namespace
