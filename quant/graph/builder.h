#pragma once

#include "quant/graph/program.h"

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace fxp::quant {

class Layer;
class Slot;

/// A tensor of the run being recorded. Undefined where an optional tensor (a bias) is absent.
struct Value {
    ValueId id = kAbsent;

    bool defined() const { return id != kAbsent; }
};

/// Records a program while it runs it in float32: every call computes its result at once, and appends the step.
/// Layers write their forward against it; importers replay a file's operators through it.
class Builder {
  public:
    Value input(const at::Tensor& tensor);
    /// A parameter or other constant; the same tensor gives the same value. Undefined gives an undefined value.
    Value constant(const at::Tensor& tensor);

    /// The value as the slot's format has it. An undefined value stays undefined.
    Value quantize(const Slot& slot, Value value);
    /// One operator with one result, run now in float32. Values may be undefined; so are the tensors then.
    Value apply(const std::string& name, const std::vector<Value>& inputs,
                std::function<at::Tensor(std::span<const at::Tensor>)> operation);
    /// The same with any number of results, which the caller computed already.
    std::vector<Value> append(const std::string& name, const std::vector<Value>& inputs, const Tensors& results,
                              Operation operation);
    /// Names a value in the activation log; an undefined value is logged as absent.
    void log(const Layer& layer, const std::string& name, Value value);
    /// The layer belongs to the program, and its slots to the JSON and the tree.
    void declare(const Layer& layer);

    const at::Tensor& tensor(Value value) const;
    bool isConstant(Value value) const;

    /// A place in the recording, to return to when a hypothesis fails or to cut from when it holds.
    struct Mark {
        std::size_t nodes = 0, log = 0, layers = 0;
    };
    Mark mark() const { return {m_nodes.size(), m_log.size(), m_layers.size()}; }
    /// Forgets what was recorded from `begin` up to `end`.
    void erase(const Mark& begin, const Mark& end);
    std::span<const Node> nodesSince(const Mark& begin) const;

    /// Before the tensor is written to in place: whatever the recording holds of its memory is copied aside.
    void protect(const at::Tensor& tensor);

    void setDataDependent() { m_dataDependent = true; }
    /// The program up to here.
    Program finish(const std::vector<Value>& outputs);
    /// Float tensors by value, as recorded.
    const std::vector<at::Tensor>& tensors() const { return m_tensors; }

  private:
    Value add(const at::Tensor& tensor, bool constant);

    std::vector<Node> m_nodes;
    std::vector<at::Tensor> m_tensors;
    std::vector<bool> m_constant;
    std::vector<ValueId> m_inputs;
    std::vector<std::pair<ValueId, at::Tensor>> m_constants;
    std::unordered_map<const void*, ValueId> m_constantOf; ///< by TensorImpl; the tensors are kept alive
    std::map<std::string, SlotInfo> m_slots;               ///< by path
    std::vector<LogEntry> m_log;
    std::vector<LayerSpec> m_layers;
    bool m_dataDependent = false;
};

} // namespace fxp::quant
