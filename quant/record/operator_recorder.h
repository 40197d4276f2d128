#pragma once

#include "quant/graph/builder.h"

#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace c10 {
struct FunctionSchema;
}

namespace fxp::quant {

/// Names the operators of one module call: `add`, `add_1`, ….
struct OperatorScope {
    std::string path;
    bool leaf = false;  ///< a module of torch.nn without submodules: its first operator takes the module's own path,
                        ///< or, before or after others, its layer
    bool taken = false; ///< the module's own path is
    std::map<std::string, int> counters;
};

/// Runs operators on a stack of IValues, as LibTorch's dispatcher takes them, and records those that compute on tensors
/// that hang on the inputs. Tensors are followed by identity.
class OperatorRecorder {
  public:
    using StackFunction = std::function<void(c10::Stack&)>;

    explicit OperatorRecorder(Builder& builder) : m_builder(builder) {}

    Builder& builder() { return m_builder; }

    /// The tensor is this value from now on.
    void bind(const at::Tensor& tensor, Value value);
    /// A parameter or buffer: its name becomes its slot's name where an operator takes it.
    void bindParameter(const at::Tensor& tensor, const std::string& name);
    /// The value that a tensor holds; a constant where it hangs on no input.
    Value valueOf(const at::Tensor& tensor);
    bool isLive(const at::Tensor& tensor) const;

    /// Runs `function` on the stack and records it under `scope`.
    void run(const c10::FunctionSchema& schema, const StackFunction& function, c10::Stack& stack, OperatorScope& scope);

    /// The batch norms that become part of the layer before them, by path (graph/batch_norm_fold.h).
    void setFolded(std::set<std::string> norms) { m_folded = std::move(norms); }

    /// Constants that an operator was given, by the recorded node's name: hints for what a traced file leaves open.
    struct Hint {
        std::string op;
        std::vector<at::IValue> arguments; ///< tensors as undefined ones
    };
    const std::vector<Hint>& hints() const { return m_hints; }

  private:
    struct Tracked {
        at::Tensor tensor; ///< kept, so that no other tensor gets its address
        Value value;
    };

    void record(const c10::FunctionSchema& schema, const StackFunction& function, const c10::Stack& arguments,
                c10::Stack& results, OperatorScope& scope);
    /// The operator as its layer, proven against the results; nothing where it is none.
    std::vector<Value> recordLayer(const std::string& name, const c10::Stack& arguments, const Tensors& expected,
                                   OperatorScope& scope);
    /// The batch norm's result as that of the layer before it. Throws Error where the layer cannot take it.
    std::vector<Value> foldBatchNorm(const std::string& path, const c10::Stack& arguments, const at::Tensor& expected);
    /// What follows reads the layer's tensors instead of the operator's.
    void takeLayerResults(const std::vector<Value>& values, c10::Stack& results);
    static std::string pathOf(const std::string& name, OperatorScope& scope, bool isLayer = false);
    void runInPlace(const c10::FunctionSchema& schema, const StackFunction& function, c10::Stack& stack,
                    OperatorScope& scope, std::size_t written);
    void writeThrough(const at::Tensor& target, Value written);

    Builder& m_builder;
    std::unordered_map<const void*, Tracked> m_tracked;
    std::unordered_map<const void*, std::string> m_names;
    std::vector<at::Tensor> m_named;
    std::vector<Hint> m_hints;
    std::set<std::string> m_folded;
};

} // namespace fxp::quant
