#pragma once

#include "model/open_request.h"

#include <QObject>
#include <QSettings>

class QMenu;

namespace fxp::gui {

/// The menu of what was opened last, with all that was open beside it: samples, labels, QConfig, weights.
class RecentFiles : public QObject {
    Q_OBJECT
  public:
    RecentFiles(QSettings& settings, QMenu* menu, QObject* parent = nullptr);

    /// Puts it first, in place of what was kept of the same model or session. A session is a request of its file alone.
    void add(const model::OpenRequest& request);

  Q_SIGNALS:
    void chosen(const fxp::model::OpenRequest& request);

  private:
    void refresh();

    QSettings& m_settings;
    QMenu* m_menu;
};

} // namespace fxp::gui
