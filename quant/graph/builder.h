#pragma once

#include "quant/graph/batch_norm_fold.h"
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
    /// A slot that a step quantizes itself: which of its results are the values before and after.
    struct InnerSlot {
        const Slot* slot = nullptr;
        std::size_t before = 0, after = 0;
        int stepDimension = -1;
    };
    /// An operator that takes the formats of `formatSlots`, run now with all of them float.
    std::vector<Value> applyWithFormats(const std::string& name, const std::vector<Value>& inputs,
                                        const std::vector<const Slot*>& formatSlots,
                                        const std::vector<InnerSlot>& innerSlots, FormatOperation operation);
    /// The slot's time steps lie along that dimension of its values.
    void setStepDimension(const Slot& slot, int dimension);
    /// Names a value in the activation log; an undefined value is logged as absent.
    void log(const Layer& layer, const std::string& name, Value value,
             std::function<at::Tensor(const at::Tensor&)> view = {});
    /// The layer belongs to the program, and its slots to the JSON and the tree.
    void declare(const Layer& layer);

    const at::Tensor& tensor(Value value) const;
    bool isConstant(Value value) const;

    /// A place in the recording, to return to when a hypothesis fails or to cut from when it holds.
    struct Mark {
        std::size_t nodes = 0, log = 0, layers = 0;
    };
    Mark mark() const { return {m_steps.size(), m_log.size(), m_layers.size()}; }
    /// Forgets what was recorded from `begin` up to `end`.
    void erase(const Mark& begin, const Mark& end);

    /// A layer whose steps can be recorded again with other parameters, as long as nothing but what follows now reads
    /// its result.
    struct Refoldable {
        Mark begin, end;
        at::Tensor weight, bias;
        std::int64_t inputGroups = 0; ///< as fold() takes it
        std::function<Value(Builder&, const FoldedParameters&)> record;
    };
    void setRefoldable(Value output, Refoldable layer) { m_refoldable[output.id] = std::move(layer); }
    /// Takes the batch norm into the layer that gave `x`, whose steps are recorded anew: the batch norm's result.
    /// Undefined where no such layer gave it.
    Value foldInto(Value x, const BatchNormParameters& norm);

    /// Before the tensor is written to in place: whatever the recording holds of its memory is copied aside.
    void protect(const at::Tensor& tensor);

    void setDataDependent() { m_dataDependent = true; }
    /// The program up to here.
    Program finish(const std::vector<Value>& outputs);
    /// Float tensors by value, as recorded.
    const std::vector<at::Tensor>& tensors() const { return m_tensors; }

  private:
    /// A node whose slots have their paths, but no numbers yet.
    struct Step {
        Node node;
        std::vector<std::string> formatPaths, sitePaths;
    };

    Value add(const at::Tensor& tensor, bool constant);
    std::vector<Value> addStep(Step step, const std::vector<Value>& inputs, const Tensors& results);
    SlotInfo infoOf(const Slot& slot) const;

    std::vector<Step> m_steps;
    std::vector<at::Tensor> m_tensors;
    std::vector<bool> m_constant;
    std::vector<ValueId> m_inputs;
    std::vector<std::pair<ValueId, at::Tensor>> m_constants;
    std::unordered_map<const void*, ValueId> m_constantOf; ///< by TensorImpl; the tensors are kept alive
    std::map<std::string, SlotInfo> m_slots;               ///< by path
    std::vector<LogEntry> m_log;
    std::vector<LayerSpec> m_layers;
    std::map<ValueId, Refoldable> m_refoldable; ///< by result
    bool m_dataDependent = false;
};

} // namespace fxp::quant
