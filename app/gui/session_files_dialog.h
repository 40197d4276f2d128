#pragma once

#include "model/session_file.h"

#include <QDialog>

#include <vector>

class QListWidget;
class QPushButton;

namespace fxp::gui {

/// Says which of a session's files are not as they were, and asks: to locate them, to go on, or to leave it.
class SessionFilesDialog : public QDialog {
    Q_OBJECT
  public:
    SessionFilesDialog(const QString& file, const model::SessionFile& session, std::vector<model::ChangedFile> changed,
                       QWidget* parent = nullptr);

    /// The session with the files that were located; without those that are gone.
    model::SessionFile session() const;

  private:
    void refresh();
    void locate();

    model::SessionFile m_session;
    std::vector<model::ChangedFile> m_changed;
    QListWidget* m_list;
    QPushButton *m_locate, *m_open;
};

} // namespace fxp::gui
