#pragma once

#include "quant/report/report_subject.h"

#include <string>

namespace fxp::quant {

/// The network as one bar per tensor in the order of computation, as an SVG picture: height and colour by the SQNR
/// against float (gradeOfSqnr), a red foot where values overflow; each bar links to `#t` and the slot's number.
std::string networkPlot(const ReportSubject& subject);

} // namespace fxp::quant
