#pragma once

#include "quant/core/error.h"
#include "quant/record/alias_sets.h"
#include "quant/record/operator_paths.h"
#include "quant/record/recognition.h"

#include <ATen/core/boxing/KernelFunction.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace c10 {
struct FunctionSchema;
}

namespace fxp::quant {

/// One operator that an importer runs into.
struct OperatorCall {
    const c10::FunctionSchema& schema;
    std::function<void(c10::Stack&)> run;
    bool isTensorOperator = true; ///< false: it handles lists, dicts and numbers, in which tensors may lie
    std::string source;           ///< `file:line`, where it is known
};

/// Runs operators on a stack of IValues, as LibTorch's dispatcher does, and records those that compute on tensors that
/// depend on the inputs, and lookups in a parameter.
class OperatorRecorder {
  public:
    OperatorRecorder(Builder& builder, Recognition& recognition)
        : m_builder(builder), m_recognition(recognition), m_aliases(builder) {}

    Builder& builder() { return m_builder; }
    Recognition& recognition() { return m_recognition; }
    AliasSets& aliases() { return m_aliases; }
    OperatorPaths& paths() { return m_paths; }

    /// Runs the operator on the stack and records it under `scope`. Throws Error naming module and operator.
    void run(const OperatorCall& call, c10::Stack& stack, OperatorScope& scope);

    /// The value that a tensor holds now; a constant where it depends on no input.
    Value valueOf(const at::Tensor& tensor) { return m_aliases.read(tensor); }
    /// A module's result, with the tensors of its layer in the place of its operators'. `known`: how many alias sets
    /// there were before the module began. A tensor of one of those was the module's argument, and keeps its memory.
    at::IValue withLayerResults(const at::IValue& result, const std::vector<Value>& values, std::size_t known);

    /// The batch norms, by path, to fold into the layer before them (graph/batch_norm_fold.h).
    void setFolded(std::set<std::string> norms) { m_folded = std::move(norms); }
    /// Called before the model writes to a tensor in place.
    void setBeforeWrite(std::function<void(const at::Tensor&)> hook) { m_beforeWrite = std::move(hook); }

    /// The arguments of the operators so far: hints for what a traced file leaves open.
    const std::vector<Hint>& hints() const { return m_hints; }

    /// What `function` gives; an Error of it that names no place is at the module of that path, and tells of `what`.
    template <class Function> static auto placed(const std::string& path, const std::string& what, Function function)
        -> decltype(function()) {
        try {
            return function();
        } catch (const Error& error) {
            if (!error.where.empty())
                throw;
            throw Error(path.empty() ? "(model)" : path, what + ": " + error.problem, error.hint);
        }
    }

  private:
    void runPlaced(const OperatorCall& call, c10::Stack& stack, OperatorScope& scope);
    bool isLookUp(const std::string& name, const Tensors& inputs) const;
    void noteReading(const OperatorCall& call, const Tensors& inputs, const OperatorScope& scope);
    std::optional<Tensors> evaluateConstant(const OperatorCall& call, const std::string& name,
                                            const c10::Stack& arguments) const;
    void runUnrecorded(const OperatorCall& call, const std::string& name, c10::Stack& stack);
    void runInPlace(const OperatorCall& call, const std::string& name, c10::Stack& stack, OperatorScope& scope,
                    const std::vector<std::size_t>& written);
    void runRecorded(const OperatorCall& call, const std::string& name, c10::Stack& stack, OperatorScope& scope);
    std::vector<Value> record(const OperatorCall& call, const std::string& name, const c10::Stack& arguments,
                              OperatorScope& scope);
    /// Records the operator as its layer, proven against its own results; empty where it is not a layer.
    std::vector<Value> recordLayer(const std::string& op, const Operands& operands, const std::string& name,
                                   const c10::Stack& arguments, OperatorScope& scope);
    /// Folds the batch norm into the layer before it. Throws Error where that layer cannot take it in.
    std::vector<Value> foldBatchNorm(const std::string& path, const std::string& op, const Operands& operands,
                                     const c10::Stack& arguments);
    std::vector<Value> recordOperatorLayer(const std::string& op, const Operands& operands, const std::string& name,
                                           const c10::Stack& arguments, OperatorScope& scope);
    Operands operandsOf(const OperatorCall& call, const c10::Stack& arguments);

    Builder& m_builder;
    Recognition& m_recognition;
    AliasSets m_aliases;
    OperatorPaths m_paths;
    std::vector<Hint> m_hints;
    std::set<std::string> m_folded;
    std::function<void(const at::Tensor&)> m_beforeWrite;
};

} // namespace fxp::quant
