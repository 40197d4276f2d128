#include "quant/engine/run_summary.h"

#include "quant/ops/sample_order.h"

#include <ATen/core/Tensor.h>

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

std::vector<OutputResult> summarizeOutputs(const Program& program, const std::vector<std::vector<at::Tensor>>& outputs,
                                           const std::vector<Comparison>& comparisons) {
    std::vector<OutputResult> results;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        OutputResult output;
        output.shape = outputs[i].front().sizes().vec();
        const int dimension = sampleDimension(program, program.outputs[i]);
        for (std::size_t part = 1; dimension >= 0 && part < outputs[i].size(); ++part)
            output.shape[static_cast<std::size_t>(dimension)] += outputs[i][part].size(dimension);
        output.sqnr = comparisons[i].sqnr();
        output.mse = comparisons[i].mse();
        output.maxError = comparisons[i].maxError;
        output.nan = comparisons[i].nan;
        results.push_back(std::move(output));
    }
    return results;
}

std::vector<std::string> findZeroDivisors(const RunResult& result, const std::vector<Place>& places,
                                          const std::vector<SlotInfo>& slots) {
    std::vector<std::string> warnings;
    std::vector<char> warned(slots.size(), 0);
    for (const Place& place : places) {
        if (!slots[place.slot].divisor || std::exchange(warned[place.slot], 1))
            continue;
        const auto& slot = result.slots[place.slot];
        if (slot && slot->figures.underflow > 0)
            warnings.push_back(slots[place.slot].path + ": " + std::to_string(slot->figures.underflow) + " of " +
                               std::to_string(slot->figures.count) + " values became 0");
    }
    return warnings;
}

std::string findCollapse(const RunResult& result, const std::vector<Place>& places,
                         const std::vector<SlotInfo>& slots) {
    const auto isLow = [](double decibels) { return !(decibels >= kCollapsedSqnr); };
    const auto low = std::ranges::find_if(result.outputs, isLow, &OutputResult::sqnr);
    if (low == result.outputs.end())
        return {};
    for (const Place& place : places) {
        const auto& slot = result.slots[place.slot];
        if (slot && slot->figures.count > 0 && isLow(slot->figures.referenceSqnr()))
            return slots[place.slot].path + ": " + whatRuined(slot->figures);
    }
    return "output_" + std::to_string(low - result.outputs.begin()) + ": " + whatHappened(low->sqnr);
}

} // namespace fxp::quant
