#pragma once

#include "quant/engine/run_result.h"

#include <cmath>

namespace fxp::test {

/// Equal, NaN with NaN: a wrapped variance has no square root.
inline bool same(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

/// Whether two figures say the same, to the last bit of every sum.
inline bool sameFigures(const quant::Figures& a, const quant::Figures& b) {
    return a.count == b.count && a.nan == b.nan && a.inf == b.inf && a.zero == b.zero &&
           a.overflowLow == b.overflowLow && a.overflowHigh == b.overflowHigh && a.underflow == b.underflow &&
           a.min == b.min && a.max == b.max && a.sumShifted == b.sumShifted &&
           a.sumShiftedSquares == b.sumShiftedSquares && a.sumSquares == b.sumSquares && a.sumError == b.sumError &&
           a.sumOutward == b.sumOutward && a.sumSquaredError == b.sumSquaredError && same(a.maxError, b.maxError) &&
           a.maxErrorIndex == b.maxErrorIndex && a.referenceSquares == b.referenceSquares &&
           a.referenceSquaredError == b.referenceSquaredError && a.linearRange == b.linearRange &&
           a.before.linear == b.before.linear && a.before.log2 == b.before.log2 && a.after.linear == b.after.linear &&
           a.after.log2 == b.after.log2;
}

/// Whether two runs say the same, to the last bit, of every tensor and of the outputs.
inline bool sameResult(const quant::RunResult& a, const quant::RunResult& b) {
    if (a.slots.size() != b.slots.size() || a.outputs.size() != b.outputs.size())
        return false;
    for (std::size_t i = 0; i < a.slots.size(); ++i) {
        if (!a.slots[i] != !b.slots[i])
            return false;
        if (a.slots[i] &&
            (a.slots[i]->format != b.slots[i]->format || !sameFigures(a.slots[i]->figures, b.slots[i]->figures) ||
             !sameFigures(a.slots[i]->localFigures, b.slots[i]->localFigures)))
            return false;
    }
    for (std::size_t i = 0; i < a.outputs.size(); ++i) {
        if (!same(a.outputs[i].mse, b.outputs[i].mse) || !same(a.outputs[i].sqnr, b.outputs[i].sqnr))
            return false;
    }
    return a.predictions.fromFixed == b.predictions.fromFixed;
}

} // namespace fxp::test
