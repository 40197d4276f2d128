#include "quant/engine/session_data.h"

#include <ATen/ATen.h>

#include <cstring>

namespace fxp::quant {

at::Tensor toTensor(const Array& array) {
    const auto type = array.type == ElementType::Float32 ? at::kFloat
                      : array.type == ElementType::Int64 ? at::kLong
                                                         : at::kBool;
    at::Tensor tensor = at::empty(array.shape, type);
    if (!array.bytes.empty())
        std::memcpy(tensor.data_ptr(), array.bytes.data(), array.bytes.size());
    return tensor;
}

Array toArray(const at::Tensor& tensor) {
    const bool isBool = tensor.scalar_type() == at::kBool;
    const bool isInteger = !isBool && at::isIntegralType(tensor.scalar_type(), false);
    const at::Tensor source = tensor.to(isBool ? at::kBool : isInteger ? at::kLong : at::kFloat).contiguous();
    Array array;
    array.type = isBool ? ElementType::Bool : isInteger ? ElementType::Int64 : ElementType::Float32;
    array.shape = source.sizes().vec();
    array.bytes.resize(static_cast<std::size_t>(source.nbytes()));
    if (!array.bytes.empty())
        std::memcpy(array.bytes.data(), source.data_ptr(), array.bytes.size());
    return array;
}

at::Tensor joined(const std::vector<at::Tensor>& parts, int dimension) {
    return parts.size() == 1 || dimension < 0 ? parts.front() : at::cat(parts, dimension);
}

} // namespace fxp::quant
