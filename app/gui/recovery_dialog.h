#pragma once

#include "model/journal.h"
#include "model/journal_file.h"

#include <QDateTime>
#include <QDialog>

#include <memory>
#include <optional>
#include <vector>

class QLabel;
class QListWidget;
class QPushButton;

namespace fxp::gui {

/// A journal that a crash left behind. No other program can take it while this exists.
struct LeftWork {
    enum class Model { Checking, AsItWas, Gone, Changed };

    std::shared_ptr<model::JournalFile> file;
    model::Journal journal;
    QDateTime changed;
    Model model = Model::Checking;
};

/// The journals in the folder that no running program has, the newest first. Those that hold nothing unsaved are
/// removed.
std::vector<LeftWork> leftWork(const QString& folder);

/// Offers what crashes left behind: to recover one, to discard any, to leave them for later. It stays until answered.
class RecoveryDialog : public QDialog {
    Q_OBJECT
  public:
    explicit RecoveryDialog(std::vector<LeftWork> left, QWidget* parent = nullptr);

    /// What to recover; absent when nothing is to be, now.
    std::optional<LeftWork> chosen() const { return m_chosen; }

  private:
    void checkModel(LeftWork& work);
    void refresh();
    void recover();
    void discard();
    void locateModel();
    void saveFormats();
    /// Null when none is left.
    LeftWork* current();

    std::vector<LeftWork> m_left;
    std::optional<LeftWork> m_chosen;
    QListWidget* m_list;
    QLabel *m_heading, *m_details, *m_problem;
    QPushButton *m_recover, *m_discard, *m_locate, *m_save;
};

} // namespace fxp::gui
