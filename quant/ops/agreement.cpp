#include "quant/ops/agreement.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fxp::quant {

bool agrees(const at::Tensor& got, const at::Tensor& expected) {
    constexpr double kProof = 1e-5;
    if (!got.defined() || !expected.defined() || got.sizes() != expected.sizes() ||
        got.scalar_type() != expected.scalar_type())
        return false;
    if (expected.scalar_type() != at::kFloat)
        return at::equal(got, expected);
    const at::Tensor a = got.contiguous(), b = expected.contiguous();
    const float *x = a.data_ptr<float>(), *y = b.data_ptr<float>();
    double largest = 1e-30;
    for (std::int64_t i = 0; i < b.numel(); ++i) {
        if (std::isfinite(y[i]))
            largest = std::max(largest, std::abs(static_cast<double>(y[i])));
    }
    for (std::int64_t i = 0; i < b.numel(); ++i) {
        const bool same = x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]));
        if (!same && !(std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])) <= kProof * largest))
            return false;
    }
    return true;
}

} // namespace fxp::quant
