#include "quant/layers/linear.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

#include <utility>

namespace fxp::quant {

Linear::Linear(const std::string& path, at::Tensor weight, at::Tensor bias)
    : ProductLayer(kType, path, std::move(weight), std::move(bias)) {}

Linear::Linear(Layer& parent, const std::string& name, at::Tensor weight, at::Tensor bias, const std::string& logName)
    : ProductLayer(parent, kType, name, std::move(weight), std::move(bias), logName) {}

void Linear::requireFit(const at::Tensor& x) const {
    if (x.dim() == 0 || x.size(-1) != weightTensor().size(1))
        throw ShapeError(path(),
                         "the input's last dimension does not fit a weight of " + c10::str(weightTensor().sizes()));
}

ProductOperator Linear::product() const {
    return {"linear"};
}

std::unique_ptr<ProductLayer> Linear::withParameters(at::Tensor weight, at::Tensor bias) const {
    return isNested() ? nullptr : std::make_unique<Linear>(path(), std::move(weight), std::move(bias));
}

} // namespace fxp::quant
