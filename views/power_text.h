#pragma once

#include <QString>

namespace fxp::views {

/// 2 with a raised exponent: `2⁻⁴`.
QString power(int exponent);

/// The number in up to `digits` digits, with a true minus sign: `−0.0625`.
QString numberText(double value, int digits);

/// The number with so many decimals, with a true minus sign: `−0.250`.
QString fixedText(double value, int decimals);

/// The number beside an axis: `−0.5`, `2·10⁻⁵`.
QString tickText(double value, int digits);

/// A count in few characters: 950, 47k, 1.2M.
QString shortCount(double count);

} // namespace fxp::views
