#include "views/stale_text.h"

#include <QCoreApplication>

namespace fxp::views {

QString staleText(const model::Document& document) {
    return document.isCatchingUp() ? QCoreApplication::translate("StaleText", "catching up…")
                                   : QCoreApplication::translate("StaleText", "out of date: press F5");
}

} // namespace fxp::views
