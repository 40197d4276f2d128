#pragma once

#include "quant/core/qtype.h"
#include "quant/graph/program.h"
#include "quant/ops/registry.h"

#include <cstdint>
#include <span>

namespace fxp::quant {

/// What sampleDimension gives for a value whose samples lie nowhere in particular.
inline constexpr int kUnknownDimension = -2;

/// The dimension along which the value's samples lie; −1 for a value that is the same for all samples;
/// kUnknownDimension where the program does not say.
int sampleDimension(const Program& program, ValueId value);

/// The value contiguous, with its samples one after the other.
at::Tensor sampleMajor(const at::Tensor& value, int dimension);
/// Back from there: contiguous, of the shape that the value had.
at::Tensor fromSampleMajor(const at::Tensor& moved, int dimension);
/// The format of a value after sampleMajor: one per channel finds its channels where they are now.
QType sampleMajor(QType format, int dimension);

/// A value of one batch as the kernels want it: contiguous, its samples one after the other.
struct SampleMajor {
    at::Tensor values;           ///< contiguous
    std::int64_t perSample = 0;  ///< elements; 0: the value is the same for all samples, or they are not told apart
    std::int64_t firstIndex = 0; ///< of its first element among those of all samples
    int dimension = -1;          ///< where the samples lay
};

/// The program's value `id` in sample order.
SampleMajor sampleMajor(const Program& program, ValueId id, const at::Tensor& value, const SampleRange& samples);

/// Flat index of element `index` of a sample-major value in the value of that shape itself.
std::int64_t fromSampleMajor(std::int64_t index, std::span<const std::int64_t> shape, int dimension);

} // namespace fxp::quant
