#pragma once

#include <hwy/targets.h>

namespace fxp::test {

/// While it lives, the kernels run on one of Highway's targets alone: one of hwy::SupportedAndGeneratedTargets().
class OnlyTarget {
  public:
    explicit OnlyTarget(std::int64_t target) { choose(target); }
    ~OnlyTarget() { choose(0); }
    OnlyTarget(const OnlyTarget&) = delete;
    OnlyTarget& operator=(const OnlyTarget&) = delete;

  private:
    static void choose(std::int64_t target) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    }
};

/// Whether the target rounds a·b + c once.
inline bool fusesOn(std::int64_t target) {
    return target != HWY_SSSE3 && target != HWY_SSE4 && target != HWY_EMU128 && target != HWY_SCALAR;
}

} // namespace fxp::test
