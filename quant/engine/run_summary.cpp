#include "quant/engine/predictions.h"
#include "quant/engine/session_run.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace fxp::quant {

namespace {

std::string whatHappened(double sqnr) {
    char text[48];
    std::snprintf(text, sizeof text, "%.1f dB against float", sqnr);
    return text;
}

/// The likeliest cause of a tensor's error, in numbers.
std::string whatRuined(const Figures& figures) {
    const auto of = [&](std::int64_t part) {
        return std::to_string(part) + " of " + std::to_string(figures.count) + " values ";
    };
    // A tenth of the values at zero or out of range is enough to bring the rest below 10 dB.
    constexpr std::int64_t kMuch = 10;
    if (figures.underflow >= figures.overflow() && figures.underflow * kMuch >= figures.count)
        return of(figures.underflow) + "became 0";
    if (figures.overflow() * kMuch >= figures.count)
        return of(figures.overflow()) + "overflow";
    return whatHappened(figures.referenceSqnr());
}

} // namespace

void Session::Run::describeOutputs() {
    const Program& program = m_data.batches.front()->program();
    m_result->outputs.clear();
    for (std::size_t i = 0; i < m_outputs.size(); ++i) {
        OutputResult output;
        output.shape = m_outputs[i].front().sizes().vec();
        const int dimension = sampleDimension(program, program.outputs[i]);
        for (std::size_t part = 1; dimension >= 0 && part < m_outputs[i].size(); ++part)
            output.shape[static_cast<std::size_t>(dimension)] += m_outputs[i][part].size(dimension);
        output.sqnr = m_comparisons[i].sqnr();
        output.mse = m_comparisons[i].mse();
        output.maxError = m_comparisons[i].maxError;
        output.nan = m_comparisons[i].nan;
        m_result->outputs.push_back(std::move(output));
    }
}

void Session::Run::predictClasses() {
    const Program& program = m_data.batches.front()->program();
    m_result->predictions = {};
    const std::vector<std::int32_t>& labels = m_data.samples->labels;
    if (!m_outputs.empty())
        m_result->predictions = predict(m_data.floatOutputs[0], m_outputs[0],
                                        sampleDimension(program, program.outputs[0]), m_data.count, labels);
    else if (!labels.empty())
        m_result->predictions.note = "the model has no output to hold against the labels";
    m_result->predictions.chosenOn = m_data.chosenOn;
}

/// RunResult::notes and warnings.
void Session::Run::warn() {
    m_result->notes = m_data.batches.front()->program().notes;
    if (!m_data.notFinite.empty())
        m_result->notes.insert(m_result->notes.begin(), m_data.notFinite);
    m_result->warnings.clear();
    std::vector<char> warned(m_data.slots.size(), 0);
    for (const Place& place : m_perBatch.front()->places) {
        if (!m_data.slots[place.slot].divisor || std::exchange(warned[place.slot], 1))
            continue;
        const auto& slot = m_result->slots[place.slot];
        if (slot && slot->figures.underflow > 0)
            m_result->warnings.push_back(m_data.slots[place.slot].path + ": " +
                                         std::to_string(slot->figures.underflow) + " of " +
                                         std::to_string(slot->figures.count) + " values became 0");
    }
}

/// RunResult::collapse.
std::string Session::Run::collapse() const {
    const auto isLow = [](double decibels) { return !(decibels >= kCollapsedSqnr); };
    const auto low = std::ranges::find_if(m_result->outputs, isLow, &OutputResult::sqnr);
    if (low == m_result->outputs.end())
        return {};
    for (const Place& place : m_perBatch.front()->places) {
        const auto& slot = m_result->slots[place.slot];
        if (slot && slot->figures.count > 0 && isLow(slot->figures.referenceSqnr()))
            return m_data.slots[place.slot].path + ": " + whatRuined(slot->figures);
    }
    return "output_" + std::to_string(low - m_result->outputs.begin()) + ": " + whatHappened(low->sqnr);
}

RunSnapshot Session::Run::finish() {
    describeOutputs();
    predictClasses();
    warn();
    m_result->collapse = collapse();
    m_data.quantizedOutputs = std::move(m_outputs);
    m_data.completeFormats = m_formats;
    m_result->accumulators.assign(m_accumulators.begin(), m_accumulators.end());
    m_result->states.outputs = m_wanted.outputs;
    m_result->complete = true;
    m_result->outputsStale = false;
    publish(true);
    return m_data.latest;
}

} // namespace fxp::quant
