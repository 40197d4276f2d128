#include "quant/core/kernels/quantize_kernel.h"

#include "quant/core/error.h"
#include "quant/core/kernels/block.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace fxp::quant {

namespace {

/// How many pieces one thread processes at a time: enough to be worth starting the thread and waiting for it.
constexpr std::int64_t kPiecesPerTask = 8;
static_assert(kPiecesPerTask * kFigureBlock <= CellCounts::kMaxElements);
constexpr std::int64_t kElementsPerThread = 1 << 16;
/// So many tasks' results exist at once, each of 12 kB: a large tensor has thousands of tasks.
constexpr std::int64_t kTasksAtOnce = 64;
/// With so many elements or more, counting into cells saves more than reading the cells at the end costs.
constexpr std::int64_t kCellsFrom = 2 * kFigureBlock;

/// Room for one piece's values.
float* scratch() {
    static thread_local std::vector<float> room(static_cast<std::size_t>(kFigureBlock));
    return room.data();
}

const float* resultsOf(const QuantizeJob& job) {
    return job.given ? job.given : job.type.isFloat() ? job.x : nullptr;
}

void copyValues(const float* from, std::int64_t count, float* to) {
    if (from != to)
        std::memmove(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

/// The figures of a piece, element 0 of which is element `offset` of `figures`. The pass that sums reads x from the
/// cache, after the pass that quantizes: where the result replaces x, it is therefore written at the end.
void addPiece(const QuantizeJob& job, const Piece& piece, TaskCells* cells, Figures& figures) {
    const std::int64_t offset = figures.count, count = piece.end - piece.begin;
    const float* known = resultsOf(job);
    const bool direct = job.y && job.y != job.x && !known;
    float* target = direct ? job.y + piece.begin : scratch();
    countBlockFast(job, piece.begin, piece.end, target, cells, figures);
    const float* y = known ? known + piece.begin : target;
    addSums({job.x + piece.begin, y, job.reference ? job.reference + piece.begin : nullptr, count, piece.segment},
            offset, figures);
    if (job.y && !direct)
        copyValues(y, count, job.y + piece.begin);
}

Figures figuresOfTask(const QuantizeJob& job, const Pieces& pieces, std::int64_t task) {
    static thread_local TaskCells cells;
    Figures figures;
    figures.linearRange = job.range;
    const std::int64_t first = task * kPiecesPerTask, end = std::min(pieces.count(), first + kPiecesPerTask);
    const std::int64_t elements = pieces.at(end - 1).end - pieces.at(first).begin;
    const bool inCells = elements >= kCellsFrom && CellCounts::fits(job.range);
    for (std::int64_t piece = first; piece < end; ++piece)
        addPiece(job, pieces.at(piece), inCells ? &cells : nullptr, figures);
    if (inCells) {
        Histograms before;
        cells.before.flush(job.range, cells.zeros[0], cells.zeros[1], before);
        figures.before.add(before);
        if (job.type.isFloat())
            figures.after.add(before);
        else
            cells.after.flush(job.range, cells.zeros[2], cells.zeros[3], figures.after);
        std::fill(std::begin(cells.zeros), std::end(cells.zeros), 0);
    }
    return figures;
}

SquaredError squaredErrorOfTask(const QuantizeJob& job, const Pieces& pieces, std::int64_t task) {
    SquaredError error;
    const float* known = resultsOf(job);
    const std::int64_t first = task * kPiecesPerTask, end = std::min(pieces.count(), first + kPiecesPerTask);
    for (std::int64_t i = first; i < end; ++i) {
        const Piece piece = pieces.at(i);
        if (!known)
            quantizeValuesFast(job, piece.begin, piece.end, scratch());
        addSquaredError({job.x + piece.begin, known ? known + piece.begin : scratch(), nullptr, piece.end - piece.begin,
                         piece.segment},
                        error);
    }
    return error;
}

/// The sum of the tasks' results.
template <class Result>
Result overTasks(const QuantizeJob& job, Result (*ofTask)(const QuantizeJob&, const Pieces&, std::int64_t)) {
    const Pieces pieces(job);
    const std::int64_t tasks = (pieces.count() + kPiecesPerTask - 1) / kPiecesPerTask;
    if (tasks == 1)
        return ofTask(job, pieces, 0);
    std::vector<Result> parts;
    // A second task of a few elements is not worth a second thread.
    const bool worthThreads = job.count >= kPiecesPerTask * kFigureBlock + kElementsPerThread;
    Result total;
    for (std::int64_t first = 0; first < tasks; first += kTasksAtOnce) {
        const std::int64_t count = std::min(kTasksAtOnce, tasks - first);
        parts.resize(static_cast<std::size_t>(count));
        at::parallel_for(0, count, worthThreads ? 1 : count, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                parts[static_cast<std::size_t>(i)] = ofTask(job, pieces, first + i);
        });
        for (const Result& part : parts)
            total.add(part);
    }
    return total;
}

} // namespace

Pieces::Pieces(const QuantizeJob& job)
    : m_elements(job.count), m_perSample(job.perSample > 0 ? job.perSample : std::max<std::int64_t>(job.count, 1)) {
    m_blocksPerSample = (m_perSample + kFigureBlock - 1) / kFigureBlock;
    if (m_blocksPerSample == 1)
        m_samplesPerPiece = kFigureBlock / m_perSample;
    const std::int64_t length = m_samplesPerPiece * m_perSample, rest = m_elements % length;
    m_count = m_elements / length * m_blocksPerSample + (rest + kFigureBlock - 1) / kFigureBlock;
}

Piece Pieces::at(std::int64_t index) const {
    const std::int64_t length = m_samplesPerPiece * m_perSample;
    const std::int64_t first = index / m_blocksPerSample * length;
    const std::int64_t begin = first + index % m_blocksPerSample * kFigureBlock;
    const std::int64_t end = std::min({begin + kFigureBlock, first + length, m_elements});
    return {begin, end, m_blocksPerSample == 1 ? m_perSample : kFigureBlock};
}

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
    Figures figures = overTasks(job, figuresOfTask);
    figures.linearRange = job.range;
    return figures;
}

void SquaredError::add(const SquaredError& other) {
    signal.add(other.signal);
    noise.add(other.noise);
}

double SquaredError::sqnr() const {
    return decibels(signal, noise);
}

SquaredError squaredError(const QuantizeJob& job) {
    return overTasks(job, squaredErrorOfTask);
}

void quantizeValues(const QuantizeJob& job) {
    if (job.type.isFloat()) {
        copyValues(job.x, job.count, job.y);
        return;
    }
    at::parallel_for(0, job.count, kElementsPerThread,
                     [&](std::int64_t begin, std::int64_t end) { quantizeValuesFast(job, begin, end, job.y + begin); });
}

} // namespace fxp::quant
