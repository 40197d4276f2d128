#pragma once

#include "quant/graph/network.h"
#include "quant/ops/builder.h"

#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace fxp::quant {

/// Puts what a model wrote in place back when the recording ends: parameters, buffers and tensors inside objects have
/// the file's state at the start of every run.
class StateGuard {
  public:
    StateGuard() = default;
    ~StateGuard();
    StateGuard(const StateGuard&) = delete;
    StateGuard& operator=(const StateGuard&) = delete;

    void beforeWrite(const at::Tensor& tensor);
    /// What the recording holds of memory that was written to is copied aside, for that memory is put back.
    void detach(Builder& builder) const;

  private:
    std::set<const void*> m_known; ///< storages, which m_saved keeps
    std::vector<std::pair<at::Tensor, at::Tensor>> m_saved;
};

/// The constants that lie in the parameters' storages.
std::map<ValueId, ParameterSource> sourcesOf(const Program& program, const NamedTensors& parameters);

/// The tensors of a result in order, through tuples, lists and dicts.
void collectTensors(const at::IValue& value, const std::function<void(const at::Tensor&)>& visit);

} // namespace fxp::quant
