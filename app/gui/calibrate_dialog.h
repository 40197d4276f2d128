#pragma once

#include "quant/calibrate/options.h"
#include "quant/calibrate/starting_formats.h"

#include <QDialog>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QSpinBox;

namespace fxp::gui {

/// Asks how to calibrate: bits per kind of tensor, method, rounding, overflow, and groups that share a format. It
/// begins with what was chosen last.
class CalibrateDialog : public QDialog {
    Q_OBJECT
  public:
    /// `selected`: how many tensors are selected, to offer them alone.
    explicit CalibrateDialog(int selected, QWidget* parent = nullptr);

    quant::BitBudget bits() const;
    quant::CalibrationOptions options() const;
    bool selectedOnly() const;

    void accept() override;

  private:
    QWidget* buildFields();
    void addRow(QFormLayout& form, const QString& name, QWidget* field, const QString& tip);
    void restore();
    void store() const;

    QSpinBox *m_weights, *m_activations, *m_biases, *m_accumulators;
    QComboBox *m_method, *m_scheme;
    QDoubleSpinBox* m_percentile;
    QCheckBox* m_perChannel;
    QComboBox *m_rounding, *m_overflow;
    std::vector<std::pair<quant::Group, QCheckBox*>> m_groups;
    QCheckBox* m_selected;
};

} // namespace fxp::gui
