#pragma once

#include "quant/core/exact_product.h"
#include "quant/core/qtype.h"
#include "quant/graph/layer_spec.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace fxp::quant {

using ValueId = std::int32_t;
using SlotId = std::int32_t;
inline constexpr ValueId kAbsent = -1;

using Tensors = std::vector<at::Tensor>;
/// An operator with all but its tensors bound. It must not write to its inputs; outputs may share their storage.
using Operation = std::function<Tensors(std::span<const at::Tensor>)>;

/// A slot's format as an operation takes it.
struct SlotFormat {
    QType type;
    std::uint64_t seed = 0; ///< of STOCHASTIC
};
/// An operator whose arithmetic hangs on formats: an exact sum, or a recurrence that quantizes on its way. `sum`, where
/// not null, takes the bits that its sums need.
using FormatOperation =
    std::function<Tensors(std::span<const at::Tensor>, std::span<const SlotFormat>, AccumulatorUse* sum)>;

/// Where a slot's values are quantized: the value before and the one after.
struct Site {
    SlotId slot = -1;
    ValueId before = kAbsent, after = kAbsent;
};

/// One step: an operator, an operator with formats, or the quantization of one value by the format of one slot.
struct Node {
    std::string name; ///< the operator's name, or the slot's path
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs;
    Operation operation;
    FormatOperation formatOperation;
    std::vector<SlotId> formatSlots; ///< whose formats formatOperation takes, in its order
    std::vector<Site> sites;         ///< the slots that the step quantizes; one, of inputs[0], where it does no more

    bool isQuantize() const { return !operation && !formatOperation; }
};

/// A tensor that the activation log names. FIXED_POINT.md, section 8.
struct LogEntry {
    std::string key;       ///< scope path, dot, tensor name
    std::string layerType; ///< FxPyTorch's class: `FxPLinear`
    ValueId value = kAbsent;
    std::function<at::Tensor(const at::Tensor&)> view; ///< what is logged of the value; empty: all of it, as it is
};

/// The network as a straight line of steps in topological order, as one run over inputs of one shape recorded it: calls
/// are inlined, branches and loops taken, integers folded, in-place operators made functional. Which way a branch went
/// is the float run's decision, so every slot of the quantized run has its float twin.
struct Program {
    std::vector<Node> nodes;
    ValueId valueCount = 0;
    std::vector<ValueId> inputs;
    std::vector<std::pair<ValueId, at::Tensor>> constants; ///< parameters, buffers, and what is computed from no input
    std::vector<ValueId> outputs;
    std::vector<SlotInfo> slots;
    std::vector<LayerSpec> layers;
    std::vector<LogEntry> log;
    bool dataDependent = false; ///< a branch, loop or shape hung on tensor values: valid for the recorded inputs alone
};

/// The seed of a slot's STOCHASTIC draws: differs from slot to slot and is the same from run to run.
std::uint64_t seedOf(SlotId slot);

/// Runs one step on its input tensors. `formats`, by slot, or null for the float run; a partial one counts as float
/// inside a step, and is an error where it is the step. `sum` may be null. Throws Error.
Tensors evaluate(const Node& node, std::span<const at::Tensor> inputs, const std::vector<QType>* formats,
                 AccumulatorUse* sum = nullptr);

} // namespace fxp::quant
