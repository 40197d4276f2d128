#pragma once

#include "model/layer_filter.h"

#include <array>
#include <vector>

namespace fxp::model {

enum class Compared { Above, AtLeast, Below, AtMost, Equal, Different };

/// A figure of a tensor that a filter compares.
struct FilterFigure {
    const char* name;
    double FilteredTensor::*value;
    const char* unit; ///< "" where none is written
    double perUnit;   ///< what one unit is in `value`
    double shown;     ///< half of the last digit that the tree shows, in `value`
};

inline constexpr std::array<FilterFigure, 5> kFigures{{{"bits", &FilteredTensor::bits, "bits", 1, 0},
                                                       {"overflow", &FilteredTensor::overflow, "%", 0.01, 0.0005},
                                                       {"sqnr", &FilteredTensor::sqnr, "dB", 1, 0.05},
                                                       {"vs float", &FilteredTensor::versusFloat, "dB", 1, 0.05},
                                                       {"zero", &FilteredTensor::zero, "%", 0.01, 0.0005}}};

/// A text of a tensor that a filter looks into.
struct FilterField {
    const char* name;
    QString FilteredTensor::*value;
};

inline constexpr std::array<FilterField, 3> kFields{
    {{"name", &FilteredTensor::path}, {"type", &FilteredTensor::type}, {"format", &FilteredTensor::format}}};

/// What a filter asks, as a tree.
struct LayerFilter::Condition {
    using Pointer = std::shared_ptr<const Condition>;
    enum class Kind { Either, All, Not, Word, Text, Number };

    Kind kind = Kind::Word;
    std::vector<Pointer> parts = {};      ///< of Either, All, Not
    QString word = {};                    ///< of Word, Text
    const FilterField* field = nullptr;   ///< of Text
    const FilterFigure* figure = nullptr; ///< of Number
    bool contains = false;                ///< Text: the field has the word in it, and need not be it
    Compared how = Compared::Equal;
    double limit = 0;

    bool accepts(const FilteredTensor& tensor) const;
};

} // namespace fxp::model
