#pragma once

#include "quant/graph/layer_spec.h"

#include <map>
#include <string>
#include <vector>

namespace fxp::quant {

// Common parts of reading and writing a QConfig.

inline constexpr auto kQConfigFormat = "fxp-workbench/qconfig";
inline constexpr int kQConfigVersion = 1;

/// Slots by their paths.
inline std::map<std::string, std::size_t> byPath(const std::vector<SlotInfo>& slots) {
    std::map<std::string, std::size_t> index;
    for (std::size_t i = 0; i < slots.size(); ++i)
        index.emplace(slots[i].path, i);
    return index;
}

} // namespace fxp::quant
