#pragma once

#include "quant/engine/array.h"

#include <QMetaType>

#include <memory>

namespace fxp::model {

using ArraysPointer = std::shared_ptr<const quant::NamedArrays>;

/// Values of some parameters, under the file's names, before and after a change.
struct WeightsEdit {
    ArraysPointer before, after;
};

} // namespace fxp::model

Q_DECLARE_METATYPE(fxp::model::WeightsEdit)
