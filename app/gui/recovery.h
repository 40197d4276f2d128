#pragma once

#include "app/gui/recovery_dialog.h"
#include "model/journal_keeper.h"

#include <QObject>

#include <functional>

namespace fxp::gui {

/// Keeps a journal of the document's unsaved edits, and offers back those that crashes left.
class Recovery : public QObject {
    Q_OBJECT
  public:
    /// Opens what the request names after asking for what is missing; the answer says whether it is open.
    using Ask = std::function<void(const model::OpenRequest&, const std::function<void(bool)>&)>;
    Recovery(model::Document& document, const QString& folder, Ask ask, QWidget* window);

    bool hasLeft() const { return !leftWork(m_folder).empty(); }
    model::JournalKeeper& journal() { return m_journal; }
    /// Asks about what was left behind, and calls `then` when that is answered: with true once the edits that were
    /// chosen are shown, with false where nothing is recovered. Calls it at once where nothing was left.
    void offer(const std::function<void(bool)>& then);

  Q_SIGNALS:
    /// What the user should know of the recovered work.
    void told(const QString& text);

  private:
    void recover(const LeftWork& work, const std::function<void(bool)>& then);
    void loadQConfig(const QString& file);

    model::Document& m_document;
    QString m_folder;
    Ask m_ask;
    QWidget* m_window;
    model::JournalKeeper m_journal;
};

} // namespace fxp::gui
