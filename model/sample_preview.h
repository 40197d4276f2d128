#pragma once

#include "quant/engine/array.h"

#include <QImage>
#include <QString>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace fxp::model {

/// One sample of an array, as it is shown before anything runs.
struct SamplePreview {
    enum class Kind { Picture, Trace, Text, Numbers };
    Kind kind = Kind::Numbers;
    QImage image;                                   ///< Picture: one pixel a value
    std::vector<double> trace;                      ///< Trace
    QString text;                                   ///< Text, Numbers: the first of them
    QString size;                                   ///< "8 × 8, 1 channel", "512"
    std::optional<std::pair<double, double>> range; ///< of the finite values; absent where there are none
    double mean = 0;                                ///< of the finite values
    std::int64_t zeros = 0, nan = 0, infinite = 0;
};

/// Sample `index` of the array: the part along dimension 0; the whole where `whole`, or where the array has no
/// dimension. Pictures are [C, H, W] with 1 or 3 channels and [H, W]; traces [N], also with ones around it; whole
/// numbers that are printable characters are text.
SamplePreview previewOf(const quant::Array& array, std::int64_t index, bool whole);

} // namespace fxp::model
