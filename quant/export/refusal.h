#pragma once

#include "quant/core/qtype.h"

#include <string>
#include <vector>

namespace fxp::quant {

/// A tensor that a target cannot express, and why.
struct Refusal {
    std::string path;
    std::string target; ///< `memory`, `ap_fixed`, …
    std::string reason; ///< completes "the tensor …": `has a real-valued scale`

    bool operator==(const Refusal&) const = default;
};

/// Why there are no words of the format that files could hold; "" where there are.
std::string whyNoWords(const QType& type);

/// `enc.weight (ap_fixed: rounds by CEIL), …`: all of them on one line.
std::string listOf(const std::vector<Refusal>& refusals);

} // namespace fxp::quant
