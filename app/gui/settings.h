#pragma once

#include <QSettings>

namespace fxp::gui {

/// The program's settings, written to the disk by another thread: a busy disk takes half a second for it, and layouts
/// and themes are switched more often than that.
class Settings : public QSettings {
    Q_OBJECT
  public:
    using QSettings::QSettings;

  protected:
    bool event(QEvent* event) override;
};

} // namespace fxp::gui
