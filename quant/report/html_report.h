#pragma once

#include "quant/report/report_subject.h"

#include <string>

namespace fxp::quant {

/// At most so many tensors get a section with their plot: those with the lowest SQNR against float. The table has all.
inline constexpr std::size_t kPlottedTensors = 1000;

/// A run for those who were not there, as one HTML file that needs no other: model, files, formats, figures, the
/// network as bars, each tensor's word over its values, and the QConfig's text. The same run gives the same bytes:
/// there is no date in it. Numbers do not depend on the locale.
std::string htmlReport(const ReportSubject& subject, const std::string& qconfig);

} // namespace fxp::quant
