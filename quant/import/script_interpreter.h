#pragma once

#include "quant/import/source_lines.h"
#include "quant/import/step_budget.h"
#include "quant/record/module_recognizer.h"
#include "quant/record/operator_recorder.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace fxp::quant {

/// Runs TorchScript in float32 and records the tensor operators that it executes. Branches and loops are followed as
/// their conditions decide; attributes that the model sets are forgotten with the interpreter.
class ScriptInterpreter {
  public:
    /// `modules`: recognises the modules among the calls; `budget` is asked between operators.
    ScriptInterpreter(torch::jit::Module root, OperatorRecorder& recorder, ModuleRecognizer& modules,
                      StepBudget& budget);

    /// Calls the root's method.
    at::IValue run(const std::string& method, std::vector<at::IValue> arguments);

  private:
    using Stack = std::vector<at::IValue>;
    using Environment = std::unordered_map<const torch::jit::Value*, at::IValue>;
    struct Scope {
        const c10::ivalue::Object* self = nullptr;
        OperatorScope* operators = nullptr;
        std::string source; ///< the line of the model's own code that called; empty where none is known
    };

    at::IValue call(torch::jit::Function& function, Stack arguments, const Scope& scope);
    at::IValue callMethod(const torch::jit::Node& node, Stack arguments, const Scope& scope);
    at::IValue callModule(const std::string& path, torch::jit::Function& function, Stack arguments, std::string source);
    void runBlock(const torch::jit::Block& block, Environment& values, const Scope& scope);
    void runNode(const torch::jit::Node& node, Environment& values, const Scope& scope);
    void runLoop(const torch::jit::Node& node, Environment& values, const Scope& scope);
    bool runConstruct(const torch::jit::Node& node, Environment& values);
    at::IValue attribute(const at::IValue& object, const std::string& name);
    /// Where an object of the class has the attribute. LibTorch looks through all of them each time, and a list of
    /// modules has one for each.
    std::size_t slotOf(const c10::ClassType& type, const std::string& name);
    void runOperator(const torch::jit::Node& node, Environment& values, const Scope& scope);

    /// The line of the model's own code that the node comes from, or from which the library's code was called.
    std::string sourceOf(const torch::jit::Node& node, const Scope& scope);
    /// The same for a call, for the code that it calls: empty where there is only the library's.
    std::string callSourceOf(const torch::jit::Node& node, const Scope& scope);

    torch::jit::Module m_root;
    OperatorRecorder& m_recorder;
    ModuleRecognizer& m_modules;
    StepBudget& m_budget;
    std::unordered_map<const c10::ivalue::Object*, std::string> m_paths;
    std::map<std::pair<const c10::ivalue::Object*, std::string>, at::IValue> m_state;
    std::map<std::pair<const c10::ivalue::Object*, std::string>, at::IValue> m_containers; ///< lists and dicts read
    std::unordered_map<const c10::ClassType*, std::unordered_map<std::string, std::size_t>> m_slots;
    std::unordered_map<const torch::jit::Node*, SourceLine> m_lines;
    std::vector<at::IValue> m_kept; ///< objects made by the script, so that no address is used twice
    int m_depth = 0;
};

} // namespace fxp::quant
