#include "quant/io/elements.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

namespace fxp::quant {

namespace {

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
std::vector<std::byte> converted(const char* data, std::size_t count, Convert convert) {
    std::vector<std::byte> out(count * sizeof(To));
    for (std::size_t i = 0; i < count; ++i) {
        From from;
        std::memcpy(&from, data + i * sizeof(From), sizeof(From));
        const To to = convert(from);
        std::memcpy(out.data() + i * sizeof(To), &to, sizeof(To));
    }
    return out;
}

template <class From, class To> std::vector<std::byte> cast(const char* data, std::size_t count) {
    return converted<From, To>(data, count, [](From from) { return static_cast<To>(from); });
}

struct Decoder {
    std::size_t size;
    ElementType type;
    std::vector<std::byte> (*decode)(const char*, std::size_t);
};

const std::map<std::string, Decoder>& decoders() {
    static const std::map<std::string, Decoder> kDecoders{
        {"f4", {4, ElementType::Float32, cast<float, float>}},
        {"f8", {8, ElementType::Float32, cast<double, float>}},
        {"f2",
         {2, ElementType::Float32,
          [](const char* data, std::size_t count) {
              return converted<std::uint16_t, float>(data, count, halfToFloat);
          }}},
        {"bf2",
         {2, ElementType::Float32,
          [](const char* data, std::size_t count) {
              return converted<std::uint16_t, float>(data, count, brainToFloat);
          }}},
        {"i8", {8, ElementType::Int64, cast<std::int64_t, std::int64_t>}},
        {"i4", {4, ElementType::Int64, cast<std::int32_t, std::int64_t>}},
        {"i2", {2, ElementType::Int64, cast<std::int16_t, std::int64_t>}},
        {"i1", {1, ElementType::Int64, cast<std::int8_t, std::int64_t>}},
        {"u8", {8, ElementType::Int64, cast<std::uint64_t, std::int64_t>}},
        {"u4", {4, ElementType::Int64, cast<std::uint32_t, std::int64_t>}},
        {"u2", {2, ElementType::Int64, cast<std::uint16_t, std::int64_t>}},
        {"u1", {1, ElementType::Int64, cast<std::uint8_t, std::int64_t>}},
        {"b1", {1, ElementType::Bool, cast<std::uint8_t, std::uint8_t>}}};
    return kDecoders;
}

} // namespace

std::size_t elementBytes(const std::string& type) {
    const auto found = decoders().find(type);
    return found == decoders().end() ? 0 : found->second.size;
}

bool decodeElements(const std::string& type, const char* data, std::size_t count, Array& array) {
    const auto found = decoders().find(type);
    if (found == decoders().end())
        return false;
    array.type = found->second.type;
    array.bytes = found->second.decode(data, count);
    return true;
}

} // namespace fxp::quant
