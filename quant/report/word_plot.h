#pragma once

#include "quant/core/figures.h"
#include "quant/core/qtype.h"

#include <string>

namespace fxp::quant {

/// The bits of a format over the magnitudes of a tensor's values, as an SVG picture of 640 × 150 units: a bar for each
/// power of two, greatest left, as high as there are values in it; red what overflows, grey what is below the least
/// bit. A format without a binary point has no bits to draw; the bars then are all alike. What lies below the least
/// power that has room is counted in the last bar, marked ≤. The text needs the style sheet of htmlReport.
std::string wordPlot(const Histograms& before, const QType& type);

} // namespace fxp::quant
