#include "app/gui/settings.h"

#include "model/background.h"

#include <QEvent>

namespace fxp::gui {

bool Settings::event(QEvent* event) {
    if (event->type() != QEvent::UpdateRequest)
        return QSettings::event(event);
    const auto written = [this](bool) {
        QEvent update(QEvent::UpdateRequest);
        QSettings::event(&update); // nothing is left to write; the next change asks again
    };
    // Objects for one file share what is not written yet.
    model::inBackground<bool>(
        this,
        [] {
            QSettings same;
            same.sync();
            return same.status() == QSettings::NoError;
        },
        written);
    return true;
}

} // namespace fxp::gui
