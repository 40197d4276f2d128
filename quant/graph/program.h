#pragma once

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

/// One step: an operator, or the quantization of one value by the format of one slot.
struct Node {
    std::string name; ///< the operator's name, or the slot's path
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs;
    Operation operation; ///< empty: quantize inputs[0] by `slot`
    SlotId slot = -1;

    bool isQuantize() const { return !operation; }
};

/// A tensor that the activation log names. FIXED_POINT.md, section 8.
struct LogEntry {
    std::string key;       ///< scope path, dot, tensor name
    std::string layerType; ///< FxPyTorch's class: `FxPLinear`
    ValueId value = kAbsent;
    std::size_t node = 0; ///< how many nodes come before it

    bool operator==(const LogEntry&) const = default;
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

} // namespace fxp::quant
