#include "quant/import/proof.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

bool agrees(const at::Tensor& got, const at::Tensor& expected) {
    constexpr double kProof = 1e-5;
    if (!got.defined() || !expected.defined() || got.sizes() != expected.sizes())
        return false;
    if (expected.numel() == 0)
        return true;
    const double largest = std::max(expected.abs().max().item<double>(), 1e-30);
    return (got - expected).abs().max().item<double>() <= kProof * largest; // false for NaN
}

} // namespace fxp::quant
