#pragma once

#include <array>
#include <cstdint>

namespace fxp::quant {

/// One number per spatial dimension; the dimensions that a convolution of fewer dimensions lacks come first.
using Triple = std::array<std::int64_t, 3>;

inline std::int64_t volume(const Triple& t) {
    return t[0] * t[1] * t[2];
}

/// One input channel, and the output channels that read only this one.
struct DepthwiseJob {
    Triple input, output, kernel, stride, padding, dilation;
    std::int64_t outputs = 1;
    const float* x = nullptr;
    const float* weights = nullptr; ///< [outputs, kernel]
    const float* bias = nullptr;    ///< one per output, or null
    float* y = nullptr;             ///< [outputs, output]
};

/// The same chains of FMA as sgemm's over the kernel's elements, but without building patches: the vectors run along
/// output lines and read a padded copy of the input.
void depthwise(const DepthwiseJob& job);

} // namespace fxp::quant
