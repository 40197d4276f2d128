#pragma once

#include "quant/record/operator_recorder.h"

#include <functional>
#include <map>
#include <string>

namespace fxp::quant {

/// Calls a model's modules, and makes those of a known class the layer that they are. What a call is called in the
/// model's container (a method call, a span of a module stack, a scope) is the importer's affair.
class ModuleRecognizer {
  public:
    explicit ModuleRecognizer(OperatorRecorder& recorder) : m_recorder(recorder) {}

    /// Whether modules of that class can become a layer: `torch.nn.linear.Linear`.
    static bool isKnown(const std::string& className);

    /// What running a module operator by operator gave.
    struct Run {
        at::IValue result;
        bool changedState = false; ///< an attribute was set: it cannot be replaced then
    };
    /// Runs the module and gives its result: of the layer, where it is one, else of its operators. `call` has all but
    /// the values of its arguments, the hints and the result; `operators` is the scope that `run` records in.
    at::IValue run(ModuleCall call, OperatorScope& operators, const std::function<Run()>& run);

    /// Why modules of a known class run operator by operator, by path.
    const std::map<std::string, std::string>& notes() const { return m_notes; }

  private:
    OperatorRecorder& m_recorder;
    std::map<std::string, std::string> m_notes;
};

} // namespace fxp::quant
