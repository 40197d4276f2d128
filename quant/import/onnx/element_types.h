#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

namespace fxp::quant::onnx_import {

/// How tensors of an ONNX element type (TensorProto.DataType) are held: all floats as float32, in which every model
/// runs; integers in a type of LibTorch that has all their values, those of uint64 by their bits. Throws Error naming
/// the type where there is none (strings, complex numbers).
c10::ScalarType storageOf(std::int32_t elementType);

/// The element type of a result that says nothing else.
std::int32_t elementTypeOf(c10::ScalarType type);

bool isFloat(std::int32_t elementType);

/// The smallest and largest value of an integer type of at most 32 bits.
struct IntegerRange {
    std::int64_t low = 0, high = 0;
};
IntegerRange rangeOf(std::int32_t elementType);

/// `uint8`; `type 77` for one that is not known.
std::string nameOfType(std::int32_t elementType);

} // namespace fxp::quant::onnx_import
