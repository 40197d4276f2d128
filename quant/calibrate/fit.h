#pragma once

#include "quant/calibrate/options.h"
#include "quant/core/integer_bits.h"
#include "quant/core/kernels/quantize_kernel.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fxp::quant {

/// The values of one tensor from one batch, use or time step, sample after sample.
struct TensorPart {
    at::Tensor values;           ///< float32
    std::int64_t perSample = 0;  ///< elements; 0: all of it is one sample
    std::int64_t firstIndex = 0; ///< index of the first element among the elements of all samples

    TensorPart(at::Tensor tensor) : values(std::move(tensor)) {}
    TensorPart(at::Tensor tensor, std::int64_t sample, std::int64_t first)
        : values(std::move(tensor)), perSample(sample), firstIndex(first) {}
};
using TensorParts = std::vector<TensorPart>;

/// The job that quantizes a part to `type`, without a place for results. `x`: the part's values, contiguous, which must
/// outlive the job. Throws Error naming `where` when the format's channels do not fit.
QuantizeJob jobOf(const TensorPart& part, const at::Tensor& x, const QType& type, const std::string& where,
                  std::uint64_t seed);

/// The partial format `given` completed for the values of one tensor, of which `parts` are all and `range` their range,
/// by the method and scheme of the options. `channelAxis`: where that is not negative, each index of that dimension
/// gets a scale of its own. `seed`: of STOCHASTIC. Throws Error naming `where` when the range is not finite, or the
/// method needs T and there is none.
QType fit(const TensorParts& parts, const ValueRange& range, const QType& given, Method method,
          const CalibrationOptions& options, int channelAxis, const std::string& where, std::uint64_t seed = 0);

} // namespace fxp::quant
