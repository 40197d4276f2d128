#include "quant/core/kernels/quantize_kernel.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <cstring>

using namespace fxp::quant;

namespace {

/// 64 MB of normal values on one thread; the result goes into memory that is mapped already.
struct Data {
    Data() : x((at::set_num_threads(1), at::randn({16 << 20}))), y(at::empty_like(x)) { y.zero_(); }
    at::Tensor x, y;
};

Data& data() {
    static Data shared;
    return shared;
}

QuantizeJob job() {
    QuantizeJob job;
    job.x = data().x.data_ptr<float>();
    job.y = data().y.data_ptr<float>();
    job.count = data().x.numel();
    job.type = {8, 5, Rounding::Round, Overflow::Saturate};
    job.range = LinearRange::around({-6, 6});
    return job;
}

void bytes(benchmark::State& state) {
    state.SetBytesProcessed(state.iterations() * data().x.numel() * 4);
}

/// The peer: a copy of the same memory.
void memcpy64(benchmark::State& state) {
    for (auto _ : state)
        std::memcpy(data().y.data_ptr(), data().x.data_ptr(), static_cast<std::size_t>(data().x.nbytes()));
    bytes(state);
}
BENCHMARK(memcpy64)->Unit(benchmark::kMillisecond);

void quantizeAlone(benchmark::State& state) {
    for (auto _ : state)
        quantizeValues(job());
    bytes(state);
}
BENCHMARK(quantizeAlone)->Unit(benchmark::kMillisecond);

void quantizeAllFigures(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(quantizeWithFigures(job()));
    bytes(state);
}
BENCHMARK(quantizeAllFigures)->Unit(benchmark::kMillisecond);

/// The same figures from LibTorch's operators, as one writes them in eager mode.
void torchOperators(benchmark::State& state) {
    for (auto _ : state) {
        const at::Tensor& x = data().x;
        const at::Tensor integer = at::round(x * 32);
        const at::Tensor low = (integer < -128).sum(), high = (integer > 127).sum();
        const at::Tensor y = at::clamp(integer, -128, 127) / 32;
        const at::Tensor under = ((x != 0) & (y == 0)).sum();
        const at::Tensor error = y - x;
        benchmark::DoNotOptimize(at::stack({x.min(), x.max(), x.mean(), x.std(), (x * x).sum(), (error * error).sum(),
                                            error.sum(), (error * x.sign()).sum(), error.abs().max(),
                                            low.to(at::kFloat), high.to(at::kFloat), under.to(at::kFloat)}));
        for (const at::Tensor& values : {x, y}) {
            benchmark::DoNotOptimize(at::histc(values, kLinearBins, -6, 6));
            benchmark::DoNotOptimize(at::histc(at::log2(values.abs()), 256, -128, 128));
        }
    }
    bytes(state);
}
BENCHMARK(torchOperators)->Unit(benchmark::kMillisecond);

/// Edit to new histogram: one tensor of a million values, all cores.
void editToHistogram(benchmark::State& state) {
    at::set_num_threads(2);
    QuantizeJob one = job();
    one.count = 1'000'000;
    for (auto _ : state) {
        one.type.fractionalBits = 4 + static_cast<int>(state.iterations() % 3);
        benchmark::DoNotOptimize(quantizeWithFigures(one));
    }
    at::set_num_threads(1);
}
BENCHMARK(editToHistogram)->Unit(benchmark::kMillisecond);

} // namespace
