#pragma once

#include "quant/core/stop.h"
#include "quant/record/alias_sets.h"

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace fxp::quant {

/// Ends the recording of a model that would not end by itself, or that would fill the memory: what runs in loops is
/// counted. A model without loops ends with its file.
class StepBudget {
  public:
    struct Limits {
        std::int64_t steps = 10'000'000;  ///< of any kind
        std::int64_t operators = 500'000; ///< recorded ones
        std::int64_t bytes = 0;           ///< of recorded values; 0: the machine's memory
    };

    explicit StepBudget(StopRequest stop) : StepBudget(std::move(stop), Limits{}) {}
    StepBudget(StopRequest stop, Limits limits);

    /// A loop on its way, from its construction to its end. `name`: what the message calls it.
    class Loop {
      public:
        Loop(StepBudget& budget, std::string name);
        ~Loop();
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;

      private:
        StepBudget& m_budget;
    };

    /// One more step of the module at the path. Throws Stopped where the user said so, and Error naming the loop where
    /// there were too many.
    void step(const std::string& path) {
        stopHere(m_stop);
        if (!m_loops.empty() && ++m_steps > m_limits.steps)
            fail(path, "more than " + std::to_string(m_limits.steps) + " steps");
    }
    /// An operator gave these results; those that depend on the inputs are kept, and count. `writes`: they are
    /// arguments that it wrote to, of which each state is kept.
    void results(const std::string& path, const std::vector<at::IValue>& results, bool writes,
                 const AliasSets& aliases);

  private:
    struct Running {
        std::string name;
        std::int64_t since;
    };
    [[noreturn]] void fail(const std::string& path, const std::string& what) const;

    StopRequest m_stop;
    Limits m_limits;
    std::vector<Running> m_loops; ///< outermost first
    std::int64_t m_steps = 0, m_operators = 0, m_bytes = 0;
    std::unordered_set<const void*> m_storages; ///< counted already: a view takes no memory
};

} // namespace fxp::quant
