#pragma once

#include <ATen/Parallel.h>
#include <hwy/targets.h>

#include <cstdint>
#include <vector>

namespace fxp::test {

/// The instruction sets that the kernels were compiled for and this machine has.
inline std::vector<std::int64_t> targets() {
    return hwy::SupportedAndGeneratedTargets();
}

/// Has the kernels run on one instruction set as long as it lives.
class TargetScope {
  public:
    explicit TargetScope(std::int64_t target) { choose(target); }
    ~TargetScope() { choose(0); }
    TargetScope(const TargetScope&) = delete;
    TargetScope& operator=(const TargetScope&) = delete;

  private:
    static void choose(std::int64_t target) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    }
};

/// Has LibTorch use so many threads as long as it lives.
class ThreadScope {
  public:
    explicit ThreadScope(int threads) : m_before(at::get_num_threads()) { at::set_num_threads(threads); }
    ~ThreadScope() { at::set_num_threads(m_before); }
    ThreadScope(const ThreadScope&) = delete;
    ThreadScope& operator=(const ThreadScope&) = delete;

  private:
    int m_before;
};

} // namespace fxp::test
