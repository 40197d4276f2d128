#include "quant/core/float_product.h"
#include "quant/core/functions.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

using namespace fxp::quant;

// Each pair of rows on one thread: LibTorch's operator, and ours, which depends on nothing but its operands.

namespace {

at::Tensor random(at::IntArrayRef shape) {
    at::set_num_threads(1);
    return at::randn(shape);
}

template <bool Own> void linear(benchmark::State& state) {
    const std::int64_t rows = state.range(0), columns = state.range(1), terms = state.range(2);
    const at::Tensor x = random({rows, terms}), w = random({columns, terms}), b = random({columns});
    for (auto _ : state)
        benchmark::DoNotOptimize(Own ? floatLinear(x, w, b) : at::linear(x, w, b));
    state.counters["flops"] = benchmark::Counter(2.0 * static_cast<double>(rows * columns * terms),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

void linearShapes(benchmark::internal::Benchmark* shapes) {
    for (const std::int64_t rows : {1, 8, 64, 256, 512})
        for (const std::int64_t side : {64, 256, 1024})
            shapes->Args({rows, side, side});
    shapes->Args({256, 64, 1024})->Args({256, 1024, 64})->Args({100, 300, 700});
}
BENCHMARK_TEMPLATE(linear, false)->Apply(linearShapes);
BENCHMARK_TEMPLATE(linear, true)->Apply(linearShapes);

/// Attention scores: samples × heads, length, width of a head.
template <bool Own> void batchedMatmul(benchmark::State& state) {
    const at::Tensor a = random({state.range(0), state.range(1), state.range(2)});
    const at::Tensor b = random({state.range(0), state.range(1), state.range(2)}).transpose(1, 2);
    for (auto _ : state)
        benchmark::DoNotOptimize(Own ? floatMatmul(a, b) : at::matmul(a, b));
}
BENCHMARK_TEMPLATE(batchedMatmul, false)->Args({64, 16, 8})->Args({48, 128, 32})->Args({12, 512, 64});
BENCHMARK_TEMPLATE(batchedMatmul, true)->Args({64, 16, 8})->Args({48, 128, 32})->Args({12, 512, 64});

/// Samples, input channels, output channels, side of the image, side of the kernel, stride, groups.
template <bool Own, bool Transposed> void convolution(benchmark::State& state) {
    const std::int64_t in = state.range(1), out = state.range(2), k = state.range(4), groups = state.range(6);
    const at::Tensor x = random({state.range(0), in, state.range(3), state.range(3)}), b = random({out});
    const at::Tensor w = Transposed ? random({in, out / groups, k, k}) : random({out, in / groups, k, k});
    const ConvolutionArguments a{{state.range(5)}, {k / 2}, {1}, Transposed, {0}, groups};
    const std::vector<std::int64_t> stride(2, state.range(5)), padding(2, k / 2), one(2, 1), zero(2, 0);
    for (auto _ : state)
        benchmark::DoNotOptimize(Own ? floatConvolution(x, w, b, a)
                                     : at::convolution(x, w, b, stride, padding, one, Transposed, zero, groups));
}

void convolutionShapes(benchmark::internal::Benchmark* shapes) {
    shapes->Unit(benchmark::kMicrosecond)
        ->Args({16, 1, 32, 28, 3, 1, 1})
        ->Args({4, 64, 64, 28, 3, 1, 1})
        ->Args({4, 256, 256, 14, 3, 1, 1})
        ->Args({4, 64, 128, 28, 3, 2, 1})
        ->Args({4, 256, 256, 14, 1, 1, 1})
        ->Args({4, 64, 64, 28, 3, 1, 64})
        ->Args({1, 512, 512, 7, 3, 1, 1});
}
BENCHMARK_TEMPLATE(convolution, false, false)->Apply(convolutionShapes);
BENCHMARK_TEMPLATE(convolution, true, false)->Apply(convolutionShapes);
BENCHMARK_TEMPLATE(convolution, false, true)->Unit(benchmark::kMicrosecond)->Args({4, 64, 64, 14, 3, 2, 1});
BENCHMARK_TEMPLATE(convolution, true, true)->Unit(benchmark::kMicrosecond)->Args({4, 64, 64, 14, 3, 2, 1});

using Function = at::Tensor (*)(const at::Tensor&);

void elements(benchmark::State& state, Function function) {
    const at::Tensor x = random({1 << 17});
    for (auto _ : state)
        benchmark::DoNotOptimize(function(x));
    state.SetItemsProcessed(state.iterations() * x.numel());
}
BENCHMARK_CAPTURE(elements, at_sigmoid, [](const at::Tensor& x) { return at::sigmoid(x); });
BENCHMARK_CAPTURE(elements, own_sigmoid, functions::sigmoid);
BENCHMARK_CAPTURE(elements, at_tanh, [](const at::Tensor& x) { return at::tanh(x); });
BENCHMARK_CAPTURE(elements, own_tanh, functions::tanh);
BENCHMARK_CAPTURE(elements, at_exp, [](const at::Tensor& x) { return at::exp(x); });
BENCHMARK_CAPTURE(elements, own_exp, functions::exp);
BENCHMARK_CAPTURE(elements, at_gelu, [](const at::Tensor& x) { return at::gelu(x); });
BENCHMARK_CAPTURE(elements, own_gelu, [](const at::Tensor& x) { return functions::gelu(x); });
BENCHMARK_CAPTURE(elements, at_erf, [](const at::Tensor& x) { return at::erf(x); });
BENCHMARK_CAPTURE(elements, own_erf, functions::erf);
BENCHMARK_CAPTURE(elements, at_log, [](const at::Tensor& x) { return at::log(x); });
BENCHMARK_CAPTURE(elements, own_log, functions::log);
BENCHMARK_CAPTURE(elements, at_sin, [](const at::Tensor& x) { return at::sin(x); });
BENCHMARK_CAPTURE(elements, own_sin, functions::sin);

/// Rows of so many elements.
void rows(benchmark::State& state, Function function) {
    const at::Tensor x = random({(1 << 17) / state.range(0), state.range(0)});
    for (auto _ : state)
        benchmark::DoNotOptimize(function(x));
    state.SetItemsProcessed(state.iterations() * x.numel());
}
BENCHMARK_CAPTURE(rows, at_softmax, [](const at::Tensor& x) { return at::softmax(x, -1); })->Arg(16)->Arg(256);
BENCHMARK_CAPTURE(rows, own_softmax, [](const at::Tensor& x) { return functions::softmax(x, -1); })->Arg(16)->Arg(256);
BENCHMARK_CAPTURE(rows, at_mean, [](const at::Tensor& x) { return at::mean(x, {-1}); })->Arg(16)->Arg(256);
BENCHMARK_CAPTURE(rows, own_mean, [](const at::Tensor& x) { return functions::mean(x, {-1}, false); })
    ->Arg(16)
    ->Arg(256);
BENCHMARK_CAPTURE(rows, at_variance, [](const at::Tensor& x) { return at::var(x, {-1}, false); })->Arg(16)->Arg(256);
BENCHMARK_CAPTURE(rows, own_variance, [](const at::Tensor& x) { return functions::variance(x, {-1}, false); })
    ->Arg(16)
    ->Arg(256);

} // namespace
