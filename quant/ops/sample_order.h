#pragma once

#include "quant/core/qtype.h"
#include "quant/graph/program.h"
#include "quant/ops/registry.h"

#include <cstdint>
#include <span>

namespace fxp::quant {

/// The result of sampleDimension for a value for which the dimension is not known.
inline constexpr int kUnknownDimension = -2;

/// The dimension along which the value's samples lie; −1 for a value that is the same for all samples;
/// kUnknownDimension where the program does not say.
int sampleDimension(const Program& program, ValueId value);

/// The value contiguous, with its samples one after the other.
at::Tensor sampleMajor(const at::Tensor& value, int dimension);
/// The opposite of sampleMajor: contiguous, in the shape that the value had.
at::Tensor fromSampleMajor(const at::Tensor& moved, int dimension);
/// The format for a value after sampleMajor: the axis of a format per channel moves with the value's dimensions.
QType sampleMajor(QType format, int dimension);

/// A value of one batch as the kernels want it: contiguous, its samples one after the other.
struct SampleMajor {
    at::Tensor values;           ///< contiguous
    std::int64_t perSample = 0;  ///< elements; 0: the same for all samples, or no dimension of samples is known
    std::int64_t firstIndex = 0; ///< index of the first element among the elements of all samples
    int dimension = -1;          ///< where the samples lay
};

/// The program's value `id` in sample order.
SampleMajor sampleMajor(const Program& program, ValueId id, const at::Tensor& value, const SampleRange& samples);

/// Flat index of element `index` of a sample-major value in the value of that shape itself.
std::int64_t fromSampleMajor(std::int64_t index, std::span<const std::int64_t> shape, int dimension);

} // namespace fxp::quant
