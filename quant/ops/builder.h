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

    /// The value quantized to the slot's format. An undefined value stays undefined; the slot is then declared absent.
    Value quantize(const SlotInfo& slot, Value value);
    /// Runs one operator now, in float32, and gives all its results. Undefined values are absent tensors.
    std::vector<Value> apply(const std::string& op, const Operands& operands);
    /// The same for an operator with one result.
    Value call(const std::string& op, const Operands& operands);

    /// A slot that a step quantizes inside: which of the step's results are the values before and after.
    struct InnerSlot {
        SlotInfo slot;
        std::size_t before = 0, after = 0;
    };
    /// Runs an operator that takes the formats of `formats`, now with all of them float.
    std::vector<Value> applyWithFormats(const std::string& op, const Operands& operands,
                                        const std::vector<SlotInfo>& formats, const std::vector<InnerSlot>& innerSlots);
    /// Declares along which dimension of the slot's values its time steps lie.
    void setStepDimension(const SlotInfo& slot, int dimension);
    /// Names a value in the activation log; an undefined value is logged as absent.
    void log(const std::string& key, const std::string& layerType, Value value, const LogView& view = {});
    /// Declares the layer as a part of the program, and its slots as a part of the JSON and the tree.
    void declare(const LayerSpec& layer);

    /// Steps recorded from now on belong to that layer, and stand at that line of the model's source.
    void setLayer(std::string path) { m_layer = std::move(path); }
    void setSource(std::string source) { m_source = std::move(source); }

    /// Its value in the float run. Throws Error for one whose step was erased.
    const at::Tensor& tensor(Value value) const;
    bool isErased(Value value) const { return value.defined() && m_erased[static_cast<std::size_t>(value.id)] != 0; }
    /// Whether it depends on no input.
    bool isConstant(Value value) const;

    /// A place in the recording: when a hypothesis fails, the recording is cut back to it; when it holds, operators are
    /// cut out from it on.
    struct Mark {
        std::size_t steps = 0, log = 0, layers = 0, slots = 0;
    };
    Mark mark() const { return {m_steps.size(), m_log.size(), m_layers.size(), m_slots.size()}; }
    /// Forgets what was recorded from `begin` up to `end`, and frees the tensors of its results.
    void erase(const Mark& begin, const Mark& end);
    /// The steps from `begin` up to `end`, with the builder's own value numbers and no slot numbers.
    std::vector<Step> stepsOf(const Mark& begin, const Mark& end) const;

    /// A layer whose steps can be recorded again with other parameters, as long as only steps recorded from now on read
    /// its result.
    struct Refoldable {
        Mark begin, end;
        at::Tensor weight, bias;
        std::int64_t inputGroups = 0; ///< as in fold()
        std::function<Value(Builder&, const FoldedParameters&)> record;
    };
    void setRefoldable(Value output, Refoldable layer) { m_refoldable[output.id] = std::move(layer); }
    /// Folds the batch norm into the layer that gave `x`, whose steps are recorded anew. Returns the batch norm's
    /// result; undefined where no such layer gave x.
    Value foldInto(Value x, const BatchNormParameters& norm);

    /// Must be called before a tensor of that storage is written to in place: copies the recorded tensors that lie in
    /// it.
    void protect(const c10::Storage& storage);

    /// The model reads numbers, a branch or a shape from these values: by the operator `what`, in the module `where`.
    void setDataDependent(const std::vector<Value>& values, const std::string& where, const std::string& what);

    /// What was recorded: the program, without steps whose results no slot, log entry or output needs, and the float
    /// run's tensors by the program's values.
    struct Finished {
        Program program;
        Tensors values;
        std::vector<ValueId> renumbered; ///< by the builder's number: the program's, or kAbsent
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
    std::vector<std::string> notes() const;

    std::vector<OpenStep> m_steps;
    Tensors m_tensors; ///< by value; undefined for one whose step was erased
    std::vector<char> m_constant, m_erased;
    std::vector<ValueId> m_inputs;
    std::vector<ValueId> m_constants;
    std::unordered_multimap<const void*, ValueId> m_byStorage; ///< the values whose tensors lie in a storage
    std::map<ConstantKey, ValueId> m_constantOf; ///< m_tensors keeps the storages, so that no address is used twice
    std::vector<SlotInfo> m_slots; ///< in the order of declaration; a slot that is quantized twice is in it twice
    std::vector<LogEntry> m_log;
    std::vector<LayerSpec> m_layers;
    std::map<ValueId, Refoldable> m_refoldable; ///< by result
    std::string m_layer, m_source;
    bool m_dataDependent = false;
    /// Values that numbers were read from, and what to say of it where they depend on a format.
    std::vector<std::pair<ValueId, std::string>> m_numbersRead;
};

} // namespace fxp::quant
