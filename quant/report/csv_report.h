#pragma once

#include "quant/report/report_subject.h"

#include <string>

namespace fxp::quant {

/// One line per tensor in the order of computation, below a line of names: path, layer type, format, and its figures
/// (FIXED_POINT.md, section 7). CSV as RFC 4180 has it; numbers with a point whatever the locale is, in the shortest
/// form that reads back to the same double; `inf`, `-inf` and `nan` where there is no other. The same run gives the
/// same bytes.
std::string csvReport(const ReportSubject& subject);

} // namespace fxp::quant
