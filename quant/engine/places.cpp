#include "quant/engine/places.h"

#include <algorithm>

namespace fxp::quant {

std::vector<Place> placesOf(const Program& program) {
    std::vector<Place> places;
    std::vector<std::size_t> uses(program.slots.size(), 0);
    for (std::size_t step = 0; step < program.steps.size(); ++step) {
        for (std::size_t site = 0; site < program.steps[step].sites.size(); ++site) {
            const Site& one = program.steps[step].sites[site];
            const auto slot = static_cast<std::size_t>(one.slot);
            places.push_back({step, site, slot, uses[slot]++, one.before, one.after});
        }
    }
    return places;
}

std::vector<char> stepsTo(const Program& program, std::size_t slot) {
    std::vector<char> steps(program.steps.size(), 0), values(static_cast<std::size_t>(program.valueCount), 0);
    for (std::size_t index = program.steps.size(); index-- > 0;) {
        const Step& step = program.steps[index];
        const bool wanted =
            std::ranges::any_of(step.sites,
                                [&](const Site& site) { return static_cast<std::size_t>(site.slot) == slot; }) ||
            std::ranges::any_of(step.outputs, [&](ValueId id) { return values[static_cast<std::size_t>(id)] != 0; });
        if (!wanted)
            continue;
        steps[index] = 1;
        for (const ValueId input : step.inputs) {
            if (input != kAbsent)
                values[static_cast<std::size_t>(input)] = 1;
        }
    }
    return steps;
}

Figures together(const std::vector<PlaceFigures>& places, Figures PlaceFigures::*figures, std::int64_t count) {
    Figures all;
    double greatest = 0;
    std::int64_t index = -1;
    for (const PlaceFigures& place : places) {
        const Figures& part = place.*figures;
        if (part.count == 0)
            continue;
        all.add(part);
        if (part.maxErrorIndex < 0 || (index >= 0 && !isGreaterError(part.maxError, greatest)))
            continue;
        greatest = part.maxError;
        std::vector<std::int64_t> shape = place.shape;
        if (place.dimension > 0 && place.samples > 0) {
            auto& extent = shape[static_cast<std::size_t>(place.dimension)];
            extent = extent / place.samples * count;
        }
        index = fromSampleMajor(part.maxErrorIndex, shape, place.dimension);
    }
    all.maxErrorIndex = index;
    return all;
}

} // namespace fxp::quant
