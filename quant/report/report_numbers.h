#pragma once

#include <cstdint>
#include <string>

namespace fxp::quant {

/// The shortest decimal that reads back to the same double, with a point in any locale.
std::string exactNumber(double value);
/// A number for people: so many significant digits, a true minus, in any locale the same.
std::string shownNumber(double value, int digits = 5);
/// With so many digits after the point: decibels, percents, coordinates of a picture.
std::string fixedNumber(double value, int decimals);
/// 1234567 as 1,234,567.
std::string groupedNumber(std::int64_t value);

} // namespace fxp::quant
