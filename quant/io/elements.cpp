#include "quant/io/elements.h"

#include "quant/core/error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <type_traits>

namespace fxp::quant {

namespace {

/// A product of sizes beyond this is not a tensor of any memory.
constexpr std::size_t kMaxElements = std::size_t{1} << 62;

float halfToFloat(std::uint16_t half) {
    const int exponent = (half >> 10) & 31;
    const int fraction = half & 1023;
    const float magnitude =
        exponent == 31  ? (fraction ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity())
        : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                        : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
    return half >> 15 ? -magnitude : magnitude;
}

float brainToFloat(std::uint16_t brain) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(brain) << 16);
}

template <class From, class To, class Convert>
std::vector<std::byte> converted(const std::byte* data, std::size_t count, Convert convert) {
    std::vector<std::byte> out(count * sizeof(To));
    for (std::size_t i = 0; i < count; ++i) {
        From from;
        std::memcpy(&from, data + i * sizeof(From), sizeof(From));
        const To to = convert(from);
        std::memcpy(out.data() + i * sizeof(To), &to, sizeof(To));
    }
    return out;
}

template <class From, class To> std::vector<std::byte> cast(const std::byte* data, std::size_t count) {
    if constexpr (std::is_same_v<From, To>)
        return {data, data + count * sizeof(To)};
    else
        return converted<From, To>(data, count, [](From from) { return static_cast<To>(from); });
}

struct Decoder {
    std::size_t size;
    ElementType type;
    std::vector<std::byte> (*decode)(const std::byte*, std::size_t);
};

const std::map<std::string, Decoder>& decoders() {
    static const std::map<std::string, Decoder> kDecoders{
        {"f4", {4, ElementType::Float32, cast<float, float>}},
        {"f8", {8, ElementType::Float32, cast<double, float>}},
        {"f2",
         {2, ElementType::Float32,
          [](const std::byte* data, std::size_t count) {
              return converted<std::uint16_t, float>(data, count, halfToFloat);
          }}},
        {"bf2",
         {2, ElementType::Float32,
          [](const std::byte* data, std::size_t count) {
              return converted<std::uint16_t, float>(data, count, brainToFloat);
          }}},
        {"i8", {8, ElementType::Int64, cast<std::int64_t, std::int64_t>}},
        {"i4", {4, ElementType::Int64, cast<std::int32_t, std::int64_t>}},
        {"i2", {2, ElementType::Int64, cast<std::int16_t, std::int64_t>}},
        {"i1", {1, ElementType::Int64, cast<std::int8_t, std::int64_t>}},
        {"u8", {8, ElementType::Int64, cast<std::int64_t, std::int64_t>}}, // once none is beyond int64
        {"u4", {4, ElementType::Int64, cast<std::uint32_t, std::int64_t>}},
        {"u2", {2, ElementType::Int64, cast<std::uint16_t, std::int64_t>}},
        {"u1", {1, ElementType::Int64, cast<std::uint8_t, std::int64_t>}},
        {"b1", {1, ElementType::Bool, [](const std::byte* data, std::size_t count) {
                    return converted<std::uint8_t, std::uint8_t>(
                        data, count, [](std::uint8_t from) -> std::uint8_t { return from != 0; });
                }}}};
    return kDecoders;
}

} // namespace

std::size_t elementBytes(const std::string& type) {
    const auto found = decoders().find(type);
    return found == decoders().end() ? 0 : found->second.size;
}

void requireFloat(double value, std::size_t element, const std::string& where) {
    if (!std::isfinite(value) || std::isfinite(static_cast<float>(value)))
        return;
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    throw Error(where,
                std::string("has ") + text + " as its element " + std::to_string(element) + ", more than float32 holds",
                "scale the values down");
}

std::optional<std::size_t> elementCount(std::span<const std::int64_t> shape, std::size_t limit) {
    std::size_t count = 1, extent = 1; // the extent is the product without the zeros, which must not overflow either
    for (const std::int64_t length : shape) {
        if (length < 0)
            return std::nullopt;
        const auto size = static_cast<std::size_t>(length);
        if (size > 0 && extent > kMaxElements / size)
            return std::nullopt;
        extent *= std::max<std::size_t>(size, 1);
        count *= size;
    }
    return count <= limit ? std::optional(count) : std::nullopt;
}

void decodeElements(const std::string& type, std::span<const std::byte> bytes, const std::string& where, Array& array) {
    const Decoder& decoder = decoders().at(type);
    const std::size_t count = bytes.size() / decoder.size;
    if (type == "u8") {
        for (std::size_t i = 0; i < count; ++i) {
            std::uint64_t value;
            std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
            if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                throw Error(where, "has " + std::to_string(value) + " in it, more than int64 holds",
                            "give integers below 2^63");
        }
    }
    if (type == "f8") {
        for (std::size_t i = 0; i < count; ++i) {
            double value;
            std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
            requireFloat(value, i, where);
        }
    }
    array.type = decoder.type;
    array.bytes = decoder.decode(bytes.data(), count);
}

} // namespace fxp::quant
