#include "quant/layers/convolution.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

#include <utility>

namespace fxp::quant {

namespace {

/// One number per dimension, where the argument gave one number for all dimensions or none.
std::vector<std::int64_t> spread(std::vector<std::int64_t> values, std::int64_t dimensions, std::int64_t otherwise) {
    if (values.size() <= 1)
        values.assign(static_cast<std::size_t>(dimensions), values.empty() ? otherwise : values[0]);
    return values;
}

} // namespace

std::string Convolution::typeOf(std::int64_t spatialDimensions, bool transposed) {
    return (transposed ? "conv_transpose" : "conv") + std::to_string(spatialDimensions) + "d";
}

Convolution::Convolution(const std::string& path, at::Tensor weight, at::Tensor bias, ConvolutionOptions options)
    : ProductLayer(typeOf(weight.dim() - 2, options.transposed), path, weight, std::move(bias)),
      m_options(std::move(options)) {
    const std::int64_t dimensions = weight.dim() - 2;
    m_options.stride = spread(m_options.stride, dimensions, 1);
    m_options.padding = spread(m_options.padding, dimensions, 0);
    m_options.dilation = spread(m_options.dilation, dimensions, 1);
    m_options.outputPadding = spread(m_options.outputPadding, dimensions, 0);
}

void Convolution::requireFit(const at::Tensor& x) const {
    const at::Tensor& w = weightTensor();
    const std::int64_t channels = m_options.transposed ? w.size(0) : w.size(1) * m_options.groups;
    const bool fits = (x.dim() == w.dim() || x.dim() == w.dim() - 1) && x.size(1 - w.dim()) == channels;
    if (!fits)
        throw ShapeError(path(),
                         "an input of " + c10::str(x.sizes()) + " does not fit a weight of " + c10::str(w.sizes()));
}

std::unique_ptr<ProductLayer> Convolution::withParameters(at::Tensor weight, at::Tensor bias) const {
    return std::make_unique<Convolution>(path(), std::move(weight), std::move(bias), m_options);
}

ProductOperator Convolution::product() const {
    const ConvolutionOptions& o = m_options;
    return {"convolution",
            {{"stride", o.stride},
             {"padding", o.padding},
             {"dilation", o.dilation},
             {"transposed", o.transposed},
             {"output_padding", o.outputPadding},
             {"groups", o.groups}}};
}

} // namespace fxp::quant
