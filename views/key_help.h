#pragma once

#include <QList>
#include <QString>

namespace fxp::views {

/// A key that a widget handles itself, for the list of keys: no action knows of it.
struct KeyHelp {
    QString where; ///< the widget, as its user calls it
    QString keys;
    QString does;
};

QList<KeyHelp> widgetKeys();

} // namespace fxp::views
