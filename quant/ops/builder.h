#pragma once

#include "quant/graph/batch_norm_fold.h"
#include "quant/graph/program.h"

#include <concepts>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace fxp::quant {

/// A tensor of the run being recorded. Undefined where an optional tensor (a bias) is absent.
struct Value {
    ValueId id = kAbsent;

    bool defined() const { return id != kAbsent; }
    bool operator==(const Value&) const = default;
};

/// An argument of an operator while it is recorded: a recorded tensor, or plain data, or a list of both.
struct Operand {
    using List = std::vector<Operand>;
    std::string name;
    std::variant<Value, Argument, List> value;

    Operand(Value v) : value(v) {}
    Operand(List list) : value(std::move(list)) {}
    template <std::convertible_to<Argument> T> Operand(T argument) : value(Argument(std::move(argument))) {}
    Operand(std::string n, Value v) : name(std::move(n)), value(v) {}
    Operand(std::string n, List list) : name(std::move(n)), value(std::move(list)) {}
    template <std::convertible_to<Argument> T> Operand(std::string n, T argument)
        : name(std::move(n)), value(Argument(std::move(argument))) {}
};
using Operands = std::vector<Operand>;

/// Records a program while it runs it in float32: every call computes its result at once, with the operator of the
/// registry, and appends the step. Layers write their forward against it; importers replay a file's operators through
/// it.
class Builder {
  public:
    Value input(const at::Tensor& tensor);
    /// A parameter or other constant; the same memory gives the same value. Undefined gives an undefined value.
    Value constant(const at::Tensor& tensor);

    /// The value as the slot's format has it. An undefined value stays undefined; the slot is then declared absent.
    Value quantize(const SlotInfo& slot, Value value);
    /// One operator, run now in float32: all its results. Undefined values are absent tensors.
    std::vector<Value> apply(const std::string& op, const Operands& operands);
    /// The same of an operator with one result.
    Value call(const std::string& op, const Operands& operands);

    /// A slot that a step quantizes itself: which of its results are the values before and after.
    struct InnerSlot {
        SlotInfo slot;
        std::size_t before = 0, after = 0;
    };
    /// An operator that takes the formats of `formats`, run now with all of them float.
    std::vector<Value> applyWithFormats(const std::string& op, const Operands& operands,
                                        const std::vector<SlotInfo>& formats, const std::vector<InnerSlot>& innerSlots);
    /// The slot's time steps lie along that dimension of its values.
    void setStepDimension(const SlotInfo& slot, int dimension);
    /// Names a value in the activation log; an undefined value is logged as absent.
    void log(const std::string& key, const std::string& layerType, Value value, const LogView& view = {});
    /// The layer belongs to the program, and its slots to the JSON and the tree.
    void declare(const LayerSpec& layer);

    /// Steps recorded from now on belong to that layer, and stand at that line of the model's source.
    void setLayer(std::string path) { m_layer = std::move(path); }
    void setSource(std::string source) { m_source = std::move(source); }

    /// Its value in the float run. Throws Error for one whose step was erased.
    const at::Tensor& tensor(Value value) const;
    bool isErased(Value value) const { return value.defined() && m_erased[static_cast<std::size_t>(value.id)] != 0; }
    /// Whether it depends on no input.
    bool isConstant(Value value) const;

    /// A place in the recording, to return to when a hypothesis fails or to cut from when it holds.
    struct Mark {
        std::size_t steps = 0, log = 0, layers = 0, slots = 0;
    };
    Mark mark() const { return {m_steps.size(), m_log.size(), m_layers.size(), m_slots.size()}; }
    /// Forgets what was recorded from `begin` up to `end`, and frees the tensors of its results.
    void erase(const Mark& begin, const Mark& end);
    /// The steps from `begin` up to `end`, with the builder's own value numbers and no slot numbers.
    std::vector<Step> stepsOf(const Mark& begin, const Mark& end) const;

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

    /// Before a tensor of that storage is written to in place: what the recording holds of its memory is copied aside.
    void protect(const c10::Storage& storage);

    void setDataDependent() { m_dataDependent = true; }

    /// What was recorded: the program, without what is computed for nobody, and the float run's tensors by its values.
    struct Finished {
        Program program;
        Tensors values;
        std::vector<ValueId> renumbered; ///< by the builder's value: the program's; kAbsent for one that is gone
    };
    /// Throws Error when two different layers, or slots of different layers, were declared under one path.
    Finished finish(const std::vector<Value>& outputs) const;

  private:
    /// A step whose slots have their paths, but no numbers yet.
    struct OpenStep {
        Step step;
        std::vector<std::string> formatPaths, sitePaths;
    };

    /// A constant's memory: storage, offset, element type, sizes and strides.
    using ConstantKey =
        std::tuple<const void*, std::int64_t, int, std::vector<std::int64_t>, std::vector<std::int64_t>>;
    static ConstantKey keyOf(const at::Tensor& tensor);

    Value add(const at::Tensor& tensor, bool constant);
    std::vector<Value> addStep(OpenStep step, const Tensors& results);
    Argument place(const Operand& operand, std::vector<ValueId>& inputs) const;
    Tensors tensorsOf(const std::vector<ValueId>& inputs) const;
    /// The slots' own strings are the keys.
    using SlotsByPath = std::unordered_map<std::string_view, const SlotInfo*>;
    SlotsByPath slotsByPath() const;
    std::vector<char> neededSteps(const std::vector<Value>& outputs) const;

    std::vector<OpenStep> m_steps;
    Tensors m_tensors; ///< by value; undefined for one whose step was erased
    std::vector<char> m_constant, m_erased;
    std::vector<ValueId> m_inputs;
    std::vector<ValueId> m_constants;
    std::unordered_multimap<const void*, ValueId> m_byStorage; ///< of the tensors that lie in it
    std::map<ConstantKey, ValueId> m_constantOf;               ///< the tensors, and so the storages, are kept
    std::vector<SlotInfo> m_slots; ///< as they were declared: one that is quantized twice stands there twice
    std::vector<LogEntry> m_log;
    std::vector<LayerSpec> m_layers;
    std::map<ValueId, Refoldable> m_refoldable; ///< by result
    std::string m_layer, m_source;
    bool m_dataDependent = false;
};

} // namespace fxp::quant
