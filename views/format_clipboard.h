#pragma once

#include "quant/core/qtype.h"

#include <QString>

#include <optional>

namespace fxp::views {

/// The format in the notation that says most of it: with its method.
QString formatText(const quant::QType& format);

/// Puts the format on the clipboard: as text, and whole, with scales that no notation has.
void copyFormat(const quant::QType& format);

/// The format on the clipboard, copied here or written in any notation; what its text does not say is that of `base`.
/// Absent when there is none.
std::optional<quant::QType> formatOnClipboard(const quant::QType& base);

} // namespace fxp::views
