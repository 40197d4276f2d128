#pragma once

#include "views/plots/qcp.h"
#include "views/power_text.h"

namespace fxp::views {

/// The ticks of `Ticker`, with true minus signs: −0.5, 2·10⁻⁵.
template <class Ticker> class NumberTicker : public Ticker {
  protected:
    QString getTickLabel(double tick, const QLocale&, QChar, int precision) override {
        return tickText(tick, precision);
    }
};

} // namespace fxp::views
