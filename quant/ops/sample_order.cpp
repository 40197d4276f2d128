#include "quant/ops/sample_order.h"

#include <ATen/ATen.h>

namespace fxp::quant {

int sampleDimension(const Program& program, ValueId value) {
    if (program.sampleDimensions.empty() || value == kAbsent)
        return kUnknownDimension;
    return program.sampleDimensions[static_cast<std::size_t>(value)];
}

at::Tensor sampleMajor(const at::Tensor& value, int dimension) {
    return dimension > 0 ? value.movedim(dimension, 0).contiguous() : value.contiguous();
}

at::Tensor fromSampleMajor(const at::Tensor& moved, int dimension) {
    return dimension > 0 ? moved.movedim(0, dimension).contiguous() : moved;
}

QType sampleMajor(QType format, int dimension) {
    if (dimension > 0 && format.affine && format.affine->perChannel()) {
        int& axis = format.affine->axis;
        axis = axis == dimension ? 0 : axis < dimension ? axis + 1 : axis;
    }
    return format;
}

SampleMajor sampleMajor(const Program& program, ValueId id, const at::Tensor& value, const SampleRange& samples) {
    SampleMajor result;
    result.dimension = sampleDimension(program, id);
    result.values = sampleMajor(value, result.dimension);
    if (result.dimension >= 0 && samples.count > 0) {
        result.perSample = value.numel() / samples.count;
        result.firstIndex = samples.first * result.perSample;
    }
    return result;
}

std::int64_t fromSampleMajor(std::int64_t index, std::span<const std::int64_t> shape, int dimension) {
    if (dimension <= 0 || index < 0)
        return index;
    const auto moved = static_cast<std::size_t>(dimension);
    std::int64_t before = 1, after = 1; // elements of the dimensions on either side
    for (std::size_t i = 0; i < shape.size(); ++i)
        (i < moved ? before : after) *= i == moved ? 1 : shape[i];
    const std::int64_t place = index / (before * after), rest = index % (before * after);
    return (rest / after * shape[moved] + place) * after + rest % after;
}

} // namespace fxp::quant
