#pragma once

#include "quant/graph/formats.h"
#include "quant/graph/program.h"
#include "quant/ops/registry.h"

#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace fxp::quant {

/// One batch that runs through a program.
struct Lane {
    const Program* program = nullptr;
    Tensors* values = nullptr; ///< by value
    SampleRange samples;       ///< of the batch
};

/// The values that exist before the first step: inputs and constants.
Tensors startingValues(const Program& program, std::span<const at::Tensor> inputs);

/// The step's inputs among the values; undefined where absent.
Tensors inputsOf(const Step& step, const Tensors& values);

/// Runs one step on its inputs: quant::evaluate with the samples that its results have, so that STOCHASTIC draws follow
/// the element of the sample wherever in a tensor it lies. `findings` may be null.
Tensors evaluateStep(const Lane& lane, const Step& step, std::span<const at::Tensor> inputs, const Formats* formats,
                     StepFindings* findings = nullptr);

/// The options of a loop over a program's steps. All but the formats may be left out.
struct StepLoop {
    static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

    const Formats* formats = nullptr;            ///< null: the float run
    std::function<bool()> stop;                  ///< asked between steps; true ends the loop
    std::function<bool(std::size_t step)> begin; ///< before a step runs in any lane; false ends the loop
    std::function<bool(std::size_t lane, std::size_t step)> skip; ///< true: the step's results are not needed, or there
    /// Runs a step instead of evaluateStep.
    std::function<Tensors(std::size_t lane, std::size_t step, std::span<const at::Tensor> inputs)> run;
    std::function<void(std::size_t lane, std::size_t step)> done; ///< after each step, a skipped one too
    /// By value: those to keep. Others are freed once the last step that reads them has run in every lane. Null: all
    /// are kept.
    const std::vector<char>* keep = nullptr;
    std::size_t end = kAll; ///< the first step that does not run
};

/// The one loop over a program's steps: each step runs in every lane before the next one begins. The lanes' programs
/// have the same number of steps. False when it was ended early. Throws Error.
bool runSteps(const StepLoop& loop, std::span<const Lane> lanes);

/// By value: the last step that reads it, or quantizes it within itself; StepLoop::kAll for values that no step gives.
std::vector<std::size_t> lastReaders(const Program& program);

/// Whether two programs have the same operators on the same values with the same formats and sites: only arguments
/// (sizes) may differ.
bool sameSteps(const Program& a, const Program& b);

} // namespace fxp::quant
