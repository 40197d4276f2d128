#pragma once

#include "views/plots/qcp.h"
#include "views/power_text.h"

namespace fxp::views {

/// Ticks for counts: 20k and not 20000.
class CountTicker : public QCPAxisTicker {
  protected:
    QString getTickLabel(double tick, const QLocale&, QChar, int) override { return shortCount(tick); }
};

} // namespace fxp::views
