#pragma once

#include "quant/core/accumulator_use.h"
#include "quant/core/qtype.h"
#include "quant/graph/formats.h"
#include "quant/graph/program.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace fxp::quant {

/// Which of all samples a batch has: STOCHASTIC draws depend on the sample's number, not on the batch.
struct SampleRange {
    std::int64_t first = 0; ///< number of the batch's first sample
    std::int64_t count = 0; ///< 0: the tensors hold one sample
};

/// A slot's format as it is given to an operator.
struct SlotFormat {
    QType type;
    std::uint64_t seed = 0; ///< of STOCHASTIC
};

/// Further results of a step, one entry per site (one entry where the step has no site): the bits that its sums need
/// and, where a site was quantized from more bits than a float32 has, its exact overflow counts.
using StepFindings = std::vector<AccumulatorUse>;

/// All that an operator gets when it is evaluated.
struct StepContext {
    const Step& step;
    std::span<const at::Tensor> inputs;  ///< undefined where absent
    std::span<const SlotFormat> formats; ///< by step.formats; all float in the float run
    SampleRange samples;
    StepFindings* findings = nullptr; ///< null: the caller does not want them

    const Arguments& arguments() const { return step.arguments; }
};

/// How much of a format an operator's arithmetic reads.
enum class Reads : std::uint8_t {
    Grid, ///< T, F and scale of an operand: where its values lie, not how they were rounded onto it
    All,  ///< rounding and overflow too: it quantizes by the format
};
/// One of the formats that an operator takes: what is read of it, and by which results.
struct FormatRead {
    Reads reads = Reads::All;
    int firstOutput = 0; ///< results before that one do not depend on it
};

/// A kind of step. It must not write to its inputs; results may share their storage.
struct Operator {
    std::function<Tensors(const StepContext&)> evaluate;
    /// For each format of a step, in the order of its formats.
    std::function<std::vector<FormatRead>(const Step&)> reads;
};

/// The operator of that name. Throws Error naming one that neither this program nor its LibTorch has.
const Operator& operatorOf(const std::string& name);

/// Runs one step on its inputs. `formats`, by slot, or null for the float run; a partial one counts as float, but is an
/// Error where the step is a quantization. `findings` may be null. Throws Error.
Tensors evaluate(const Step& step, std::span<const at::Tensor> inputs, const Formats* formats,
                 const SampleRange& samples = {}, StepFindings* findings = nullptr);

} // namespace fxp::quant
