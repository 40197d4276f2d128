#pragma once

#include "quant/io/log_comparison.h"

#include <QDialog>

#include <functional>

class QCheckBox;
class QTableWidget;

namespace fxp::gui {

/// Where a run differs from an activation log, tensor by tensor, in the order of computation. The first click on a head
/// sorts by it, worst first; a double click or Return on a row goes to its tensor.
class LogDialog : public QDialog {
    Q_OBJECT
  public:
    /// `has`: whether the model has a tensor of that path.
    LogDialog(const QString& file, const std::vector<quant::LogDifference>& differences,
              const std::function<bool(const QString&)>& has, QWidget* parent = nullptr);

  Q_SIGNALS:
    void tensorChosen(const QString& path);

  private:
    void fill(const std::vector<quant::LogDifference>& differences);
    void hideEqual();
    void choose(int row);

    std::function<bool(const QString&)> m_has;
    QTableWidget* m_table;
    QCheckBox* m_onlyDifferences;
};

} // namespace fxp::gui
