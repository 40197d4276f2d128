#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fxp::quant {

enum class ElementType : std::uint8_t { Float32, Int64, Bool };

/// A tensor as plain data, for what crosses to code without LibTorch. Row-major.
struct Array {
    ElementType type = ElementType::Float32;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> bytes;

    std::int64_t count() const;
    std::size_t elementSize() const;
    const float* floats() const { return reinterpret_cast<const float*>(bytes.data()); }
    const std::int64_t* integers() const { return reinterpret_cast<const std::int64_t*>(bytes.data()); }

    static Array ofFloats(std::vector<std::int64_t> shape, const std::vector<float>& values);
    static Array ofIntegers(std::vector<std::int64_t> shape, const std::vector<std::int64_t>& values);
};

/// Arrays by name, in the order in which they were given.
struct NamedArrays {
    std::vector<std::pair<std::string, Array>> items;

    const Array* find(const std::string& name) const;
};

} // namespace fxp::quant
