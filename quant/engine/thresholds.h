#pragma once

#include "quant/engine/run_result.h"

namespace fxp::quant {

/// From where on a figure counts as weak (amber) or bad (red): the same in the tree, the plots, the status line and the
/// reports.
inline constexpr double kWeakSqnr = 25;            ///< dB
inline constexpr double kBadSqnr = kCollapsedSqnr; ///< dB
inline constexpr double kNotedOverflow = 0.01;     ///< share of the values

enum class Grade { Good, Weak, Bad };

/// Of an SQNR in dB. NaN, which a figure is when values are no numbers, is bad.
inline Grade gradeOfSqnr(double decibels) {
    return decibels >= kWeakSqnr ? Grade::Good : decibels >= kBadSqnr ? Grade::Weak : Grade::Bad;
}

} // namespace fxp::quant
