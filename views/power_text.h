#pragma once

#include <QString>

namespace fxp::views {

/// 2 with a raised exponent: `2⁻⁴`.
QString power(int exponent);

/// A count in few characters: 950, 47k, 1.2M.
QString shortCount(double count);

} // namespace fxp::views
