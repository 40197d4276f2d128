#pragma once

#include "quant/graph/network.h"
#include "quant/record/module_call.h"

#include <set>
#include <string>
#include <vector>

namespace fxp::quant {

/// Replaces recorded operators by the layer that they are: the class of a module, or the name of an operator, is the
/// hypothesis, and the layer is taken only where its float results are those of the operators. Knows nothing of the
/// container that the model came from.
class Recognition {
  public:
    explicit Recognition(Builder& builder, StopRequest stop = {}) : m_builder(builder), m_stop(std::move(stop)) {}

    /// Layers that are not to be tried, by path: other samples showed that they are wrong (Network::refuseLayer).
    void setRefused(std::set<std::string> paths) { m_refused = std::move(paths); }
    bool isRefused(const std::string& path) const { return m_refused.contains(path); }

    /// The operators between `begin` and `end`, which gave `expected`, as the first of the candidates that agrees with
    /// them: its results; the operators are then gone from the recording. Empty, and the recording as before, where
    /// none agrees. Throws Stopped.
    std::vector<Value> replace(const std::string& path, const Builder::Mark& begin, const Builder::Mark& end,
                               const std::vector<Value>& expected, const Candidates& candidates);

    /// What was replaced, for proving it on other samples, in the numbers of the finished program.
    std::vector<LayerProof> proofs(const Builder::Finished& finished) const;

  private:
    struct Replacement {
        std::string path;
        std::vector<Step> operators;
        std::vector<ValueId> expected, got;
        std::vector<ValueId> constants; ///< that the operators read
    };
    bool agree(const std::vector<Value>& got, const Tensors& expected) const;

    Builder& m_builder;
    StopRequest m_stop;
    std::set<std::string> m_refused;
    std::vector<Replacement> m_replacements;
};

} // namespace fxp::quant
