#pragma once

#include "quant/core/qtype.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace fxp::test {

/// Normal random numbers that depend on the seed alone.
inline at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::randn(shape, generator);
}

/// T total and F fractional bits.
inline quant::QType format(int total, int fraction, quant::Rounding rounding = quant::Rounding::Round,
                           quant::Overflow overflow = quant::Overflow::Saturate) {
    return {total, fraction, rounding, overflow, {}};
}

/// Integers of T bits with real-valued scales and zero points, one each or one per index along `axis`.
inline quant::QType scaled(int total, std::vector<double> scale, std::vector<std::int64_t> zero, int axis = -1) {
    quant::QType type;
    type.totalBits = total;
    type.affine = quant::Affine{std::move(scale), std::move(zero), axis};
    return type;
}

} // namespace fxp::test
