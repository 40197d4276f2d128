#include "quant/engine/session.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

#include <dlfcn.h>

namespace fxp::quant {

namespace {

/// More threads than this only take turns.
constexpr int kThreadsPerCore = 4;

} // namespace

int mostThreads() {
    return kThreadsPerCore * std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void setThreadCount(int count) {
    at::set_num_threads(std::clamp(count, 1, mostThreads()));
    // OpenBLAS has threads of its own and knows nothing of LibTorch's: a product inside a parallel loop would wait for
    // them in turn. Products are cut before they reach it. A LibTorch with another library has no such function.
    using SetThreads = void (*)(int);
    if (const auto setThreads = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
        setThreads(1);
}

} // namespace fxp::quant
