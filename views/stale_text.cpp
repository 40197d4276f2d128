#include "views/stale_text.h"

#include <QCoreApplication>
#include <QLocale>

namespace fxp::views {

QString staleText(const model::Document& document, int slot) {
    const QString text = document.isCatchingUp() ? QCoreApplication::translate("StaleText", "catching up…")
                                                 : QCoreApplication::translate("StaleText", "out of date: press F5");
    const QString samples = samplesSoFar(document, slot);
    if (samples.isEmpty())
        return text;
    return document.isCatchingUp() ? samples : samples + QCoreApplication::translate("StaleText", ": press F5 for all");
}

QString samplesSoFar(const model::Document& document, int slot) {
    const std::int64_t seen = document.preliminarySamples(slot);
    if (seen == 0)
        return {};
    const QLocale locale;
    return QCoreApplication::translate("StaleText", "of the first %1 of %2 samples")
        .arg(locale.toString(qlonglong(seen)), locale.toString(qlonglong(document.model()->sampleCount)));
}

} // namespace fxp::views
