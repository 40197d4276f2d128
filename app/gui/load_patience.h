#pragma once

#include "quant/import/file_check.h"

namespace fxp::gui {

/// Asks in the window whether a model file that takes longer than its time may have more; reading it goes on meanwhile,
/// and the question goes when it is not needed any more.
std::function<quant::Patience(const std::string& file, bool hasEnded)> askWhenLate();

} // namespace fxp::gui
