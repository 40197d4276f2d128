#pragma once

#include "quant/export/memory_export.h"

#include <QDialog>

#include <optional>
#include <utility>
#include <vector>

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSettings;
class QTreeWidget;

namespace fxp::gui {

/// Asks what of the integers to write, and where: folder, kinds of files, samples for golden vectors. Lists what the
/// chosen targets cannot express as soon as they are chosen. Remembers what was chosen.
class MemoryDialog : public QDialog {
    Q_OBJECT
  public:
    /// `folder`: where files of the open model lie.
    MemoryDialog(const std::vector<quant::SlotInfo>& slotInfos, const quant::Formats& formats, std::int64_t samples,
                 const QString& folder, QWidget* parent = nullptr);

    QString folder() const;
    quant::MemoryOptions options() const;

  private:
    QWidget* buildFields();
    void browse();
    void update();
    void store() const;
    void restore();
    /// Absent where the text names no samples of the model.
    std::optional<std::vector<std::int64_t>> samples(QString* why) const;

    const std::vector<quant::SlotInfo>& m_slots;
    const quant::Formats& m_formats;
    std::int64_t m_sampleCount;
    QString m_begin; ///< what a relative path is relative to
    QLineEdit *m_folder, *m_golden;
    std::vector<std::pair<quant::MemoryKind, QCheckBox*>> m_kinds;
    std::vector<std::pair<quant::TypesTarget, QCheckBox*>> m_types;
    QLabel *m_goldenNote, *m_refusedTitle;
    QTreeWidget* m_refused;
    QCheckBox* m_leaveOut;
    QPushButton* m_export;
};

} // namespace fxp::gui
