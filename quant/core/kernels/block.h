#pragma once

#include "quant/core/kernels/quantize_kernel.h"

namespace fxp::quant {

/// The plain loop over one block of at most kFigureBlock elements, shared by the reference and by the fast version's
/// remainders and rare methods.
void quantizeBlockPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end, Figures& figures);

void quantizeValuesPlain(const QuantizeJob& job, std::int64_t begin, std::int64_t end);

/// The vectorized ones.
void quantizeBlockFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end, Figures& figures);
void quantizeValuesFast(const QuantizeJob& job, std::int64_t begin, std::int64_t end);

/// The linear histogram's bin of a finite x: floor((x − low) · scale) in float32, clamped to the end bins, computed in
/// the same order by every version.
int linearBin(float x, float low, float scale);
float linearScale(const LinearRange& range);

} // namespace fxp::quant
