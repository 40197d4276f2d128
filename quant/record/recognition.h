#pragma once

#include "quant/graph/network.h"
#include "quant/record/module_call.h"

#include <set>
#include <string>
#include <vector>

namespace fxp::quant {

/// Replaces recorded operators by the layer that they are. The class of a module, or the name of an operator, is the
/// hypothesis; the layer replaces the operators only where its float results equal theirs. Does not depend on the
/// container that the model came from.
class Recognition {
  public:
    explicit Recognition(Builder& builder, StopRequest stop = {}) : m_builder(builder), m_stop(std::move(stop)) {}

    /// Layers that must not be tried, by path, because other samples showed that they are wrong (Network::refuseLayer).
    void setRefused(std::set<std::string> paths) { m_refused = std::move(paths); }
    bool isRefused(const std::string& path) const { return m_refused.contains(path); }

    /// Replaces the operators between `begin` and `end`, whose results are `expected`, by the first candidate with the
    /// same results, removes them from the recording and returns the candidate's results. Where no candidate agrees,
    /// the recording is unchanged and the result empty. Throws Stopped.
    std::vector<Value> replace(const std::string& path, const Builder::Mark& begin, const Builder::Mark& end,
                               const std::vector<Value>& expected, const Candidates& candidates);

    /// What was replaced, to prove it on other samples; values are numbered as in the finished program.
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
