#pragma once

#include "quant/core/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace fxp::test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Random values of many magnitudes with ties, limits and, where asked for, NaN, Inf and denormals among them.
inline std::vector<float> values(std::size_t count, bool special, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 2);
    std::vector<float> result(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto pick = random() % 8;
        result[i] = pick == 0   ? std::round(normal(random) * 16) / 16
                    : pick == 1 ? std::ldexp(normal(random), static_cast<int>(random() % 40) - 30)
                    : pick == 2 ? 0.0f * normal(random)
                                : normal(random);
    }
    const float specials[] = {kNan, kInfinity, -kInfinity, 1e-42f, -1e-42f, 3.4e38f, -3.4e38f};
    for (std::size_t i = 0; special && i < count; i += 1 + random() % 97)
        result[i] = specials[random() % std::size(specials)];
    return result;
}

/// Quantizes all of x, which outlives the job, as one tensor.
inline quant::QuantizeJob jobOf(const std::vector<float>& x, const quant::QType& type) {
    quant::QuantizeJob job;
    job.x = x.data();
    job.count = static_cast<std::int64_t>(x.size());
    job.type = type;
    job.seed = 11;
    job.range = quant::LinearRange::around({-4, 4});
    return job;
}

/// Equal to the bit, NaN with NaN.
inline bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
    const auto bits = [](float v) { return std::isnan(v) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(v); };
    return std::ranges::equal(a, b, {}, bits, bits);
}

} // namespace fxp::test
