#include "quant/core/error.h"
#include "quant/core/kernels/quantize_kernel.h"
#include "quant/engine/session_data.h"
#include "quant/engine/values_under.h"
#include "quant/ops/sample_order.h"
#include "quant/ops/step_loop.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

std::vector<bool> Session::fedBack() const {
    std::vector<bool> slots(this->slots().size(), false);
    if (!m_data)
        return slots;
    for (const Step& step : m_data->batches.front()->program().steps) {
        if (step.isQuantize() || step.op == "quantize_sum")
            continue;
        for (const Site& site : step.sites)
            slots[static_cast<std::size_t>(site.slot)] = true;
    }
    return slots;
}

NamedArrays Session::outputs(bool fromFloat) {
    NamedArrays result;
    if (!m_data)
        return result;
    const Program& program = m_data->batches.front()->program();
    const auto& parts = fromFloat ? m_data->floatOutputs : m_data->quantizedOutputs;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const int dimension = sampleDimension(program, program.outputs[i]);
        result.items.emplace_back("output_" + std::to_string(i), toArray(joined(parts[i], dimension)));
    }
    return result;
}

std::vector<double> Session::sqnrTable(std::size_t slot, std::span<const int> totals, std::span<const int> integers,
                                       const QType& method, const RunControl& control) {
    if (!m_data)
        return {};
    const Formats formats = m_data->formats.empty() ? floatFormats() : m_data->formats;
    Formats trial = formats;
    std::vector<SquaredError> cells(totals.size() * integers.size());
    for (std::size_t i = 0; i < m_data->batches.size(); ++i) {
        const Batch& batch = *m_data->batches[i];
        const Program& program = batch.program();
        std::vector<char> needed(static_cast<std::size_t>(program.valueCount), 0);
        for (const Step& step : program.steps) {
            for (const Site& site : step.sites) {
                if (static_cast<std::size_t>(site.slot) != slot)
                    continue;
                needed[static_cast<std::size_t>(site.before)] = 1;
                for (const ValueId input : step.inputs) {
                    if (step.op == "quantize_sum" && input != kAbsent)
                        needed[static_cast<std::size_t>(input)] = 1;
                }
            }
        }
        const std::optional<Tensors> values = valuesUnder(batch, formats, needed, control.stop);
        if (!values)
            return {};
        for (const Step& step : program.steps) {
            for (const Site& site : step.sites) {
                if (static_cast<std::size_t>(site.slot) != slot || (i > 0 && sampleDimension(program, site.before) < 0))
                    continue;
                const SampleMajor x = sampleMajor(program, site.before,
                                                  (*values)[static_cast<std::size_t>(site.before)], batch.samples());
                for (std::size_t cell = 0; cell < cells.size(); ++cell) {
                    if (control.stop && control.stop())
                        return {};
                    const int total = totals[cell / integers.size()], integer = integers[cell % integers.size()];
                    QuantizeJob job;
                    job.x = x.values.data_ptr<float>();
                    job.count = x.values.numel();
                    job.perSample = x.perSample;
                    job.firstIndex = x.firstIndex;
                    job.type = {total, total - integer, method.rounding, method.overflow, {}};
                    job.seed = seedOf(site.slot);
                    at::Tensor after; // computed from the exact sum, as in the run
                    if (step.op == "quantize_sum") {
                        trial[slot] = job.type;
                        const Lane lane{&program, nullptr, batch.samples()};
                        const Tensors in = inputsOf(step, *values);
                        const Tensors out = evaluateStep(lane, step, in, &trial);
                        const auto place = std::ranges::find(step.outputs, site.after) - step.outputs.begin();
                        after = sampleMajor(out.at(static_cast<std::size_t>(place)), x.dimension);
                        job.given = after.data_ptr<float>();
                    }
                    cells[cell].add(squaredError(job));
                }
            }
        }
    }
    std::vector<double> table;
    for (const SquaredError& cell : cells)
        table.push_back(cell.sqnr());
    return table;
}

std::vector<Session::LoggedTensor> Session::log() const {
    if (!m_data || !m_data->completeFormats)
        throw Error("", "there is no complete run to log", "run the model first");
    const Batch& batch = *m_data->batches.front();
    const Program& program = batch.program();
    std::vector<char> needed(static_cast<std::size_t>(program.valueCount), 0);
    for (const LogEntry& entry : program.log) {
        if (entry.value != kAbsent)
            needed[static_cast<std::size_t>(entry.value)] = 1;
    }
    // A run that was cancelled after the last complete one left other values in the batch.
    const Tensors values = *valuesUnder(batch, *m_data->completeFormats, needed, {});
    std::vector<LoggedTensor> entries;
    for (const LogEntry& entry : program.log) {
        LoggedTensor logged{entry.key, entry.layerType, entry.value != kAbsent, {}};
        if (logged.present)
            logged.array = toArray(entry.view.of(values[static_cast<std::size_t>(entry.value)]));
        entries.push_back(std::move(logged));
    }
    return entries;
}

} // namespace fxp::quant
