#pragma once

#include <array>
#include <cstdint>

namespace fxp::quant {

/// One number per spatial dimension; what a convolution of fewer dimensions lacks comes first.
using Triple = std::array<std::int64_t, 3>;

inline std::int64_t volume(const Triple& t) {
    return t[0] * t[1] * t[2];
}

/// One input channel and the output channels that read it alone.
struct DepthwiseJob {
    Triple input, output, kernel, stride, padding, dilation;
    std::int64_t outputs = 1;
    const float* x = nullptr;
    const float* weights = nullptr; ///< [outputs, kernel]
    const float* bias = nullptr;    ///< one per output, or null
    float* y = nullptr;             ///< [outputs, output]
};

/// The chains of sgemm over the kernel's elements, without patches: the vectors run along output lines of a padded
/// copy.
void depthwise(const DepthwiseJob& job);

} // namespace fxp::quant
