#pragma once

#include "quant/core/qtype.h"

#include <cstdint>

namespace fxp::quant {

/// The element's draw for STOCHASTIC, in [0, 1): a function of seed and element index alone, so that no thread count or
/// block size can change it. (splitmix64's finalizer: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014.)
double stochasticDraw(std::uint64_t seed, std::uint64_t index);

/// The integer (as a double) that v = x · 2^F rounds to. `draw` is used by STOCHASTIC alone. NaN and ±Inf pass through.
double roundTo(double v, Rounding rounding, double draw);

/// The limits of T bits in float32: above 24 bits they are rounded, as the limits of a clamp in float32 are.
struct Limits {
    double low;
    double high;
};
Limits limits(const QType& type);

enum class Side : std::int8_t { Low = -1, Inside = 0, High = 1 };

/// An integer brought into the format's range, and the side on which it lay outside.
struct Bounded {
    double value;
    Side side;
};
Bounded bound(double integer, const QType& type, const Limits& limits);

/// quantize() of FIXED_POINT.md, section 1, for one element of a complete format.
struct Quantized {
    float value;
    Side side;
};
Quantized quantizeOne(float x, const QType& type, const Limits& limits, double draw);

/// The same for a format with a real-valued scale: round(x / scale) + zero point, brought into the range, and back to a
/// value, in float64. `channel` is the element's index along the format's axis, 0 where there is none.
Quantized quantizeAffine(float x, const QType& type, const Limits& limits, double draw, std::size_t channel);

} // namespace fxp::quant
