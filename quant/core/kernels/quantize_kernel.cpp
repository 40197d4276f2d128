#include "quant/core/kernels/quantize_kernel.h"

#include "quant/core/kernels/block.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace fxp::quant {

namespace {

/// Blocks that one task takes: what keeps a task's figures, summed in block order, the same at any thread count.
constexpr std::int64_t kBlocksPerTask = 16;
constexpr std::int64_t kTask = kFigureBlock * kBlocksPerTask;

Figures figuresOfTask(const QuantizeJob& job, std::int64_t task) {
    Figures figures;
    figures.linearRange = job.range;
    const std::int64_t end = std::min(job.count, (task + 1) * kTask);
    for (std::int64_t begin = task * kTask; begin < end; begin += kFigureBlock)
        quantizeBlockFast(job, begin, std::min(end, begin + kFigureBlock), figures);
    return figures;
}

} // namespace

Figures quantizeWithFigures(const QuantizeJob& job) {
    const std::int64_t tasks = (job.count + kTask - 1) / kTask;
    std::vector<Figures> parts(static_cast<std::size_t>(tasks));
    at::parallel_for(0, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end; ++task)
            parts[static_cast<std::size_t>(task)] = figuresOfTask(job, task);
    });
    Figures total;
    total.linearRange = job.range;
    for (const Figures& part : parts)
        total.add(part);
    return total;
}

void quantizeValues(const QuantizeJob& job) {
    if (job.type.isFloat()) {
        if (job.x != job.y)
            std::memmove(job.y, job.x, static_cast<std::size_t>(job.count) * sizeof(float));
        return;
    }
    at::parallel_for(0, job.count, kFigureBlock,
                     [&](std::int64_t begin, std::int64_t end) { quantizeValuesFast(job, begin, end); });
}

} // namespace fxp::quant
