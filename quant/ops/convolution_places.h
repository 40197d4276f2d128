#pragma once

#include <cstddef>
#include <optional>

namespace fxp::quant {

/// At which positions the arguments of LibTorch's convolutions stand:
///  - the general one: aten::_convolution and aten::convolution(input, weight, bias, stride, padding, dilation,
///    transposed, output_padding, groups, …);
///  - aten::convNd and aten::_convolution_mode(input, weight, bias, stride, padding, dilation, groups);
///  - aten::conv_transposeNd(input, weight, bias, stride, padding, output_padding, groups, dilation).
struct ConvolutionPlaces {
    std::size_t stride = 3, padding = 4, dilation = 5, groups = 6;
    std::optional<std::size_t> outputPadding;

    /// `isGeneral`: of the general one, whose argument 6 says whether it is transposed; `transposed` is not read then.
    ConvolutionPlaces(bool isGeneral, bool transposed) {
        if (isGeneral) {
            outputPadding = 7;
            groups = 8;
        } else if (transposed) {
            outputPadding = 5;
            dilation = 7;
        }
    }
};

} // namespace fxp::quant
