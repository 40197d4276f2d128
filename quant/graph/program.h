#pragma once

#include "quant/graph/argument.h"
#include "quant/graph/layer_spec.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fxp::quant {

using ValueId = std::int32_t;
using SlotId = std::int32_t;
inline constexpr ValueId kAbsent = -1;

using Tensors = std::vector<at::Tensor>;

/// One place where a slot's values are quantized: the value before and the one after.
struct Site {
    SlotId slot = -1;
    ValueId before = kAbsent, after = kAbsent;

    bool operator==(const Site&) const = default;
};

/// One step, as data: which operator runs on which values, with which formats. The registry (quant/ops/registry.h)
/// defines by name what an operator does.
struct Step {
    std::string op;      ///< `quantize`, `linear`, …; an operator of LibTorch by schema name: `aten::add.Tensor`
    Arguments arguments; ///< with holes for the inputs
    std::vector<ValueId> inputs; ///< kAbsent for a tensor that is not there
    std::vector<ValueId> outputs;
    std::vector<SlotId> formats; ///< the slots whose formats the operator takes, in its order
    std::vector<Site> sites;     ///< the slots that the step quantizes
    std::string layer;           ///< path of the layer that the step belongs to; empty where it only moves values
    std::string source;          ///< `file:line` where the model file says it; else empty

    /// Whether the step only quantizes one value to one slot's format.
    bool isQuantize() const { return op == "quantize"; }
    bool operator==(const Step&) const = default;
};

/// Which part of a value the activation log shows: all of it, one index of one dimension, or the value with one
/// dimension more in front.
struct LogView {
    enum class Kind : std::uint8_t { Whole, Select, Unsqueeze, ByBatch };
    Kind kind = Kind::Whole;
    std::int64_t dimension = 0, index = 0; ///< of Select; ByBatch: `index` heads, [B·H, …] shown as [B, H, …]

    static LogView select(std::int64_t dimension, std::int64_t index) { return {Kind::Select, dimension, index}; }
    static LogView unsqueeze() { return {Kind::Unsqueeze, 0, 0}; }
    static LogView byBatch(std::int64_t heads) { return {Kind::ByBatch, 0, heads}; }
    /// The part of `value` that is shown.
    at::Tensor of(const at::Tensor& value) const;
    bool operator==(const LogView&) const = default;
};

/// A tensor that the activation log names. FIXED_POINT.md, section 8.
struct LogEntry {
    std::string key;       ///< scope path, dot, tensor name
    std::string layerType; ///< FxPyTorch's class: `FxPLinear`
    ValueId value = kAbsent;
    LogView view;

    bool operator==(const LogEntry&) const = default;
};

/// The network as a straight line of steps in topological order, recorded in one run over inputs of one shape: calls
/// are inlined, branches and loops are taken as that run took them, integers are constants, in-place operators are
/// functional. Branches are decided in the float run, so that every slot of the quantized run has a value of the float
/// run to be compared with.
struct Program {
    std::vector<Step> steps;
    ValueId valueCount = 0;
    std::vector<ValueId> inputs;
    std::vector<std::pair<ValueId, at::Tensor>> constants; ///< parameters, buffers, and what is computed from no input
    std::vector<ValueId> outputs;
    std::vector<SlotInfo> slots;
    std::vector<LayerSpec> layers;
    std::vector<LogEntry> log;
    bool dataDependent = false; ///< a branch, loop or shape depended on tensor values: valid for the recorded inputs
                                ///< alone
    /// What the user must know of the recording, one sentence each: numbers that it read from values, and the like.
    std::vector<std::string> notes;
    /// By value: the dimension along which the samples lie, with one or several indices per sample (several where it is
    /// batch times heads); −1 for a value that is the same for all samples. Empty where it is not known: a run then
    /// processes all samples at once.
    std::vector<std::int8_t> sampleDimensions;
};

/// The program as text, one step a line; equal programs have equal texts. Values are numbered in the order in which
/// they arise, whatever their ids are.
std::string programText(const Program& program);

/// The seed of a slot's STOCHASTIC draws: differs from slot to slot and is the same from run to run.
std::uint64_t seedOf(SlotId slot);

} // namespace fxp::quant
