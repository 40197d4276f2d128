#pragma once

#include "quant/layers/product_layer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fxp::quant {

/// The arguments of nn.ConvNd and nn.ConvTransposeNd that shape the sum.
struct ConvolutionOptions {
    std::vector<std::int64_t> stride, padding, dilation, outputPadding; ///< one per spatial dimension, or one for all
    std::int64_t groups = 1;
    bool transposed = false;
};

/// y = q_activation(conv(q_input(x), q_weight(W), q_bias(b))), exact, over one, two or three spatial dimensions.
/// x: [N, in, ...] or [in, ...]; W: [out, in / groups, ...], or of a transposed one [in, out / groups, ...];
/// b: [out] or undefined. Types: conv1d, conv2d, conv3d, conv_transpose1d, ….
class Convolution final : public ProductLayer {
  public:
    Convolution(const std::string& path, at::Tensor weight, at::Tensor bias, ConvolutionOptions options);

    static std::string typeOf(std::int64_t spatialDimensions, bool transposed);

  protected:
    void requireFit(const at::Tensor& x) const override;
    ProductOperator product() const override;
    std::unique_ptr<ProductLayer> withParameters(at::Tensor weight, at::Tensor bias) const override;
    std::int64_t inputGroups() const override { return m_options.transposed ? m_options.groups : 0; }

  private:
    ConvolutionOptions m_options;
};

} // namespace fxp::quant
