#pragma once

#include "quant/ops/registry.h"

#include <optional>
#include <string>

namespace fxp::quant {

/// How an operator of LibTorch is computed so that its float32 results are the same on every CPU and for every split of
/// the samples.
enum class Precision : std::uint8_t {
    AsItIs, ///< it moves, compares, selects or counts, or rounds once: its own kernel gives the same bits everywhere
    Wide,   ///< in float64, rounded once to float32
};

/// Whether the operator makes a sequence of numbers from a first one and a step.
bool isSequence(const std::string& name);

Precision precisionOf(const StepContext& context);

/// Evaluates the operator with our own arithmetic: float32 products with one order of summation for every element
/// (core/float_product.h), and functions computed alike on every CPU (core/functions.h). Absent for any other operator,
/// and for types other than float32.
std::optional<at::Tensor> reproducible(const std::string& name, const StepContext& context);

} // namespace fxp::quant
