#include "quant/calibrate/starting_formats.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/transformer_encoder_layer.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

using namespace fxp;
using namespace fxp::quant;

namespace {

constexpr std::int64_t kBatch = 8, kSteps = 64, kWidth = 128, kHidden = 512, kHeads = 8;
constexpr int kLayers = 3;

EncoderLayerParameters parameters() {
    const auto matrix = [](std::int64_t rows, std::int64_t columns) {
        return at::randn({rows, columns}) / std::sqrt(static_cast<double>(columns));
    };
    EncoderLayerParameters p;
    p.attention = {matrix(kWidth, kWidth), matrix(kWidth, kWidth), matrix(kWidth, kWidth),
                   at::zeros({kWidth}),    at::zeros({kWidth}),    at::zeros({kWidth}),
                   matrix(kWidth, kWidth), at::zeros({kWidth}),    kHeads};
    p.linear1Weight = matrix(kHidden, kWidth);
    p.linear1Bias = at::zeros({kHidden});
    p.linear2Weight = matrix(kWidth, kHidden);
    p.linear2Bias = at::zeros({kWidth});
    p.norm1 = p.norm2 = {at::ones({kWidth}), at::zeros({kWidth}), {kWidth}, 1e-5};
    p.normFirst = true;
    return p;
}

std::unique_ptr<Session> session(int layers) {
    at::manual_seed(1);
    std::vector<EncoderLayerParameters> all;
    for (int i = 0; i < layers; ++i)
        all.push_back(parameters());
    auto network = std::make_unique<test::LayerNetwork>(
        std::vector<std::string>{"x"}, [all](Builder& run, const std::vector<Value>& in) {
            Value x = in[0];
            for (std::size_t i = 0; i < all.size(); ++i) {
                TransformerEncoderLayer layer("layers." + std::to_string(i), all[i]);
                x = layer.forward({x, {}, {}}, run);
                layer.declare(run);
            }
            return std::vector<Value>{x};
        });
    auto result = std::make_unique<Session>(std::move(network));
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::randn({kBatch, kSteps, kWidth})));
    result->setSamples(samples);
    return result;
}

/// The peer: the layer in float, as nn.TransformerEncoderLayer computes it.
void encoderFloat(benchmark::State& state) {
    at::manual_seed(1);
    const at::NoGradGuard noGrad;
    const EncoderLayerParameters p = parameters();
    const at::Tensor x = at::randn({kBatch, kSteps, kWidth});
    const auto heads = [](const at::Tensor& t) {
        return t.view({kBatch, kSteps, kHeads, kWidth / kHeads}).transpose(1, 2);
    };
    const auto norm = [](const at::Tensor& t, const LayerNorm::Parameters& n) {
        return at::layer_norm(t, n.normalizedShape, n.weight, n.bias, n.eps);
    };
    for (auto _ : state) {
        const at::Tensor n1 = norm(x, p.norm1);
        const at::Tensor q = heads(at::linear(n1, p.attention.qWeight, p.attention.qBias)) / 4.0;
        const at::Tensor k = heads(at::linear(n1, p.attention.kWeight, p.attention.kBias));
        const at::Tensor v = heads(at::linear(n1, p.attention.vWeight, p.attention.vBias));
        const at::Tensor attended = at::matmul(at::softmax(at::matmul(q, k.transpose(-2, -1)), -1), v);
        const at::Tensor merged = attended.transpose(1, 2).reshape({kBatch, kSteps, kWidth});
        const at::Tensor middle = x + at::linear(merged, p.attention.outWeight, p.attention.outBias);
        const at::Tensor hidden = at::relu(at::linear(norm(middle, p.norm2), p.linear1Weight, p.linear1Bias));
        benchmark::DoNotOptimize(middle + at::linear(hidden, p.linear2Weight, p.linear2Bias));
    }
}
BENCHMARK(encoderFloat)->Unit(benchmark::kMillisecond);

/// The layer quantized from scratch: every tensor kept before and after, every figure, both histograms.
void encoderQuantized(benchmark::State& state) {
    auto one = session(1);
    const Formats formats = *one->calibrate(startingFormats(one->slots(), {}), {});
    Formats other = formats;
    for (QType& format : other)
        format.rounding = Rounding::Trunc;
    bool flip = false;
    for (auto _ : state)
        benchmark::DoNotOptimize(one->run((flip = !flip) ? formats : other));
}
BENCHMARK(encoderQuantized)->Unit(benchmark::kMillisecond);

/// A rerun after an edit of the first, the middle and the last tensor of three layers.
void rerun(benchmark::State& state) {
    auto three = session(kLayers);
    Formats formats = *three->calibrate(startingFormats(three->slots(), {}), {});
    three->run(formats);
    const char* paths[] = {"layers.0.input", "layers.1.residual_1", "layers.2.residual_2"};
    const std::string path = paths[state.range(0)];
    std::size_t slot = 0;
    while (three->slots()[slot].path != path)
        ++slot;
    int step = 0;
    for (auto _ : state) {
        *formats[slot].fractionalBits += step++ % 2 ? 1 : -1;
        benchmark::DoNotOptimize(three->run(formats));
    }
}
BENCHMARK(rerun)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

} // namespace
