#include "quant/import/onnx/element_types.h"

#include "quant/core/error.h"
#include "quant/import/onnx/proto.h"

#include <array>
#include <limits>

namespace fxp::quant::onnx_import {

namespace {

using Proto = ::onnx::TensorProto;

constexpr std::array kNames{"undefined",      "float",      "uint8",          "int8",       "uint16",   "int16",
                            "int32",          "int64",      "string",         "bool",       "half",     "double",
                            "uint32",         "uint64",     "complex64",      "complex128", "bfloat16", "float8e4m3fn",
                            "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",      "int4"};

} // namespace

std::string nameOfType(std::int32_t elementType) {
    const auto index = static_cast<std::size_t>(elementType);
    return index < kNames.size() ? kNames[index] : "type " + std::to_string(elementType);
}

c10::ScalarType storageOf(std::int32_t elementType) {
    switch (elementType) {
    case Proto::FLOAT:
    case Proto::FLOAT16:
    case Proto::BFLOAT16:
    case Proto::DOUBLE: return c10::ScalarType::Float;
    case Proto::BOOL: return c10::ScalarType::Bool;
    case Proto::UINT8: return c10::ScalarType::Byte;
    case Proto::INT8: return c10::ScalarType::Char;
    case Proto::INT16: return c10::ScalarType::Short;
    case Proto::UINT16:
    case Proto::INT32: return c10::ScalarType::Int;
    case Proto::UINT32:
    case Proto::UINT64:
    case Proto::INT64: return c10::ScalarType::Long;
    default: break;
    }
    throw Error("", "tensors of the element type " + nameOfType(elementType) + " are not supported",
                "export the model with float, integer and boolean tensors alone");
}

std::int32_t elementTypeOf(c10::ScalarType type) {
    switch (type) {
    case c10::ScalarType::Bool: return Proto::BOOL;
    case c10::ScalarType::Byte: return Proto::UINT8;
    case c10::ScalarType::Char: return Proto::INT8;
    case c10::ScalarType::Short: return Proto::INT16;
    case c10::ScalarType::Int: return Proto::INT32;
    case c10::ScalarType::Long: return Proto::INT64;
    default: return Proto::FLOAT;
    }
}

bool isFloat(std::int32_t elementType) {
    return elementType == Proto::FLOAT || elementType == Proto::FLOAT16 || elementType == Proto::BFLOAT16 ||
           elementType == Proto::DOUBLE;
}

IntegerRange rangeOf(std::int32_t elementType) {
    switch (elementType) {
    case Proto::BOOL: return {0, 1};
    case Proto::UINT8: return {0, 255};
    case Proto::INT8: return {-128, 127};
    case Proto::UINT16: return {0, 65535};
    case Proto::INT16: return {-32768, 32767};
    case Proto::UINT32: return {0, std::numeric_limits<std::uint32_t>::max()};
    case Proto::INT32: return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    default: break;
    }
    return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
}

} // namespace fxp::quant::onnx_import
