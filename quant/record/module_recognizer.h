#pragma once

#include "quant/record/operator_recorder.h"

#include <functional>
#include <map>
#include <string>

namespace fxp::quant {

/// Runs a model's modules, and replaces the operators of those of a known class by the layer that they are. The
/// importer decides what counts as a call in its container: a method call, a span of a module stack, a scope.
class ModuleRecognizer {
  public:
    explicit ModuleRecognizer(OperatorRecorder& recorder) : m_recorder(recorder) {}

    /// Whether modules of that class can become a layer: `torch.nn.linear.Linear`.
    static bool isKnown(const std::string& className);

    /// The outcome of running a module operator by operator.
    struct Run {
        at::IValue result;
        bool changedState = false; ///< an attribute was set, so that the module cannot be replaced
    };
    /// Runs the module and returns the layer's result where it is recognised as one, else its operators'. `call` is
    /// complete but for the values of its arguments, the hints and the result; `operators` is the scope that `run`
    /// records in.
    at::IValue run(ModuleCall call, OperatorScope& operators, const std::function<Run()>& run);

    /// Why modules of a known class run operator by operator, by path.
    const std::map<std::string, std::string>& notes() const { return m_notes; }

  private:
    OperatorRecorder& m_recorder;
    std::map<std::string, std::string> m_notes;
};

} // namespace fxp::quant
