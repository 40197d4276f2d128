#pragma once

#include "quant/core/figures.h"
#include "quant/graph/program.h"
#include "quant/ops/sample_order.h"

#include <cstdint>
#include <vector>

namespace fxp::quant {

/// One place where a slot's values are quantized. `use` counts the places of one slot.
struct Place {
    std::size_t step = 0, site = 0, slot = 0, use = 0;
    ValueId before = kAbsent, after = kAbsent;
};

/// All places of a program, in the order of computation.
std::vector<Place> placesOf(const Program& program);

/// By step: whether a value that the slot quantizes depends on it.
std::vector<char> stepsTo(const Program& program, std::size_t slot);

/// The figures of one place of a slot, over all batches so far.
struct PlaceFigures {
    Figures own, local;
    bool wantsLocal = true;          ///< false where the local figures are known from an earlier run
    std::vector<std::int64_t> shape; ///< of the value in one batch
    int dimension = kUnknownDimension;
    std::int64_t samples = 0; ///< in that batch
};

/// The figures of all places of one slot together. The index of the greatest error counts within its own place's tensor
/// of `count` samples.
Figures together(const std::vector<PlaceFigures>& places, Figures PlaceFigures::*figures, std::int64_t count);

} // namespace fxp::quant
