#include "quant/engine/array.h"

#include <cstring>
#include <numeric>

namespace fxp::quant {

namespace {

template <class T> Array fromValues(ElementType type, std::vector<std::int64_t> shape, const std::vector<T>& values) {
    Array array{type, std::move(shape), std::vector<std::byte>(values.size() * sizeof(T))};
    if (!values.empty())
        std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
    return array;
}

} // namespace

std::int64_t Array::count() const {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::size_t Array::elementSize() const {
    switch (type) {
    case ElementType::Float32: return 4;
    case ElementType::Int64: return 8;
    case ElementType::Bool: return 1;
    }
    return 0;
}

Array Array::ofFloats(std::vector<std::int64_t> shape, const std::vector<float>& values) {
    return fromValues(ElementType::Float32, std::move(shape), values);
}

Array Array::ofIntegers(std::vector<std::int64_t> shape, const std::vector<std::int64_t>& values) {
    return fromValues(ElementType::Int64, std::move(shape), values);
}

const Array* NamedArrays::find(const std::string& name) const {
    for (const auto& [key, array] : items) {
        if (key == name)
            return &array;
    }
    return nullptr;
}

} // namespace fxp::quant
