#pragma once

#include "quant/import/exported_calls.h"
#include "quant/import/step_budget.h"
#include "quant/ops/aten_operator.h"
#include "quant/record/module_recognizer.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace fxp::quant {

/// The operator of this LibTorch that an exported graph's target names (`torch.ops.aten.conv2d.default`); null where
/// there is none, or it is not a pure function of tensors.
const AtenOperator* exportedOperator(const std::string& target);

/// The targets of a graph, and of those inside it, that cannot be run, each with the path of the first module that
/// needs it: `aten::foo (encoder.layers.0)`.
std::vector<std::string> missingTargets(const ExportedGraph& graph);

/// Runs an exported graph and records the tensor operators that it comes by, with the modules whose calls its
/// operators stand in.
class ExportInterpreter {
  public:
    /// `weights`: parameters, buffers and constants by their names in the file. `leaves`: modules of torch.nn without
    /// submodules. `budget` is asked between operators.
    ExportInterpreter(const std::map<std::string, at::Tensor>& weights, const std::set<std::string>& leaves,
                      OperatorRecorder& recorder, ModuleRecognizer& modules, StepBudget& budget);

    /// Values of the graph by name; operators add to them.
    using Values = std::unordered_map<std::string, at::IValue>;
    void run(const ExportedGraph& graph, const ExportedCall& root, Values& values);

    /// An argument's value, names replaced by what they stand for. Throws Error where a name is not known.
    static at::IValue resolve(const ExportedArgument& argument, const Values& values);

  private:
    struct Frame {
        const ExportedGraph& graph;
        Values& values;
    };

    void runItems(const ExportedCall& call, Frame frame, OperatorScope& scope);
    bool runFunction(const ExportedFunction& function, Frame frame, OperatorScope& scope);
    void runCall(const ExportedCall& call, Frame frame);
    void runModule(const ExportedCall& call, Frame frame, OperatorScope& scope);
    void runNode(const ExportedNode& node, Frame frame, OperatorScope& scope);
    void runOperator(const ExportedNode& node, const AtenOperator& op, Frame frame, OperatorScope& scope);
    at::IValue size(const ExportedNode& node, const std::string& kind, Frame frame) const;
    std::vector<at::IValue> runBranch(const ExportedNode& node, Frame frame, OperatorScope& scope);
    std::vector<at::IValue> runGraph(const ExportedGraph& graph, std::vector<at::IValue> arguments,
                                     OperatorScope& scope);
    static void assign(const ExportedNode& node, const std::vector<at::IValue>& results, Values& values);
    OperatorScope& scopeOf(const ExportedFrame& frame);

    const std::map<std::string, at::Tensor>& m_weights;
    const std::set<std::string>& m_leaves;
    OperatorRecorder& m_recorder;
    ModuleRecognizer& m_modules;
    StepBudget& m_budget;
    std::map<std::string, OperatorScope> m_scopes; ///< by call
    int m_depth = 0;
};

} // namespace fxp::quant
