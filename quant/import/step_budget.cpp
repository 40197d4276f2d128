#include "quant/import/step_budget.h"

#include "quant/core/error.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <unistd.h>

#include <algorithm>

namespace fxp::quant {

StepBudget::StepBudget(StopRequest stop, Limits limits) : m_stop(std::move(stop)), m_limits(limits) {
    if (m_limits.bytes == 0)
        m_limits.bytes = static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
}

StepBudget::Loop::Loop(StepBudget& budget, std::string name) : m_budget(budget) {
    budget.m_loops.push_back({std::move(name), budget.m_steps});
}

StepBudget::Loop::~Loop() {
    m_budget.m_loops.pop_back();
}

void StepBudget::results(const std::string& path, const std::vector<at::IValue>& results, bool writes,
                         const AliasSets& aliases) {
    if (m_loops.empty())
        return;
    std::int64_t bytes = 0;
    bool isLive = false;
    for (const at::IValue& result : results) {
        if (!result.isTensor() || !result.toTensor().defined() || !aliases.isLive(result.toTensor()))
            continue;
        isLive = true;
        if (m_storages.insert(result.toTensor().storage().unsafeGetStorageImpl()).second || writes)
            bytes += static_cast<std::int64_t>(result.toTensor().nbytes());
    }
    m_bytes += bytes;
    m_operators += isLive ? 1 : 0;
    if (m_operators > m_limits.operators)
        fail(path, "more than " + std::to_string(m_limits.operators) + " operators");
    if (m_bytes > m_limits.bytes)
        fail(path, "results of more than " + std::to_string(m_limits.bytes >> 20) + " MiB");
}

void StepBudget::fail(const std::string& path, const std::string& what) const {
    // The innermost loop that most steps were taken in: those inside it began a moment ago, and do end.
    const auto blamed = std::find_if(m_loops.rbegin(), m_loops.rend(),
                                     [&](const Running& loop) { return 2 * (m_steps - loop.since) >= m_steps; });
    const std::string& name = blamed == m_loops.rend() ? m_loops.front().name : blamed->name;
    throw Error(path, "the loop " + name + " does not end: it has run " + what,
                "the model may be damaged, or needs inputs of another shape");
}

} // namespace fxp::quant
