#pragma once

#include <QString>

namespace fxp::gui {

/// The built-in demo, as files.
struct Demo {
    QString model, samples, labels, qconfig;
};

/// Unpacks the demo into the folder and says where its files are. Throws Error when it cannot write there.
Demo unpackDemo(const QString& folder);

} // namespace fxp::gui
