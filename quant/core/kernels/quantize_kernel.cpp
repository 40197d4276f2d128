#include "quant/core/kernels/quantize_kernel.h"

#include "quant/core/error.h"
#include "quant/core/kernels/block.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace fxp::quant {

namespace {

/// Blocks that one task takes: what keeps a task's figures, summed in block order, the same at any thread count.
constexpr std::int64_t kBlocksPerTask = 8;
constexpr std::int64_t kTask = kFigureBlock * kBlocksPerTask;
static_assert(kTask <= CellCounts::kMaxElements);
/// From here on, one increment an element pays for reading the cells at the end.
constexpr std::int64_t kCellsFrom = 2 * kFigureBlock;

Figures figuresOfTask(const QuantizeJob& job, std::int64_t task) {
    static thread_local TaskCells cells;
    Figures figures;
    figures.linearRange = job.range;
    const std::int64_t first = task * kTask, end = std::min(job.count, first + kTask);
    const bool inCells = end - first >= kCellsFrom && CellCounts::fits(job.range);
    for (std::int64_t begin = first; begin < end; begin += kFigureBlock)
        quantizeBlockFast(job, begin, std::min(end, begin + kFigureBlock), inCells ? &cells : nullptr, figures);
    if (inCells) {
        Histograms before, after;
        cells.before.take(job.range, cells.zeros[0], cells.zeros[1], before);
        cells.after.take(job.range, cells.zeros[2], cells.zeros[3], after);
        std::fill(std::begin(cells.zeros), std::end(cells.zeros), 0);
        figures.before.add(before);
        figures.after.add(job.type.isFloat() ? before : after);
    }
    return figures;
}

} // namespace

void QuantizeJob::setShape(std::span<const std::int64_t> shape, const std::string& where) {
    channelStride = 1;
    if (!type.affine || !type.affine->perChannel())
        return;
    const auto axis = static_cast<std::size_t>(type.affine->axis);
    if (axis >= shape.size() || shape[axis] != static_cast<std::int64_t>(type.affine->scale.size()))
        throw Error(where,
                    "the format has " + std::to_string(type.affine->scale.size()) + " channels along axis " +
                        std::to_string(axis) + ", and the tensor has not",
                    "calibrate the tensor anew");
    for (std::size_t i = axis + 1; i < shape.size(); ++i)
        channelStride *= shape[i];
}

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
