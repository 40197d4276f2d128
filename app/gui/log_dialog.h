#pragma once

#include "quant/io/log_comparison.h"

#include <QDialog>

namespace fxp::gui {

/// Where a run differs from an activation log, tensor by tensor.
class LogDialog : public QDialog {
    Q_OBJECT
  public:
    LogDialog(const QString& file, const std::vector<quant::LogDifference>& differences, QWidget* parent = nullptr);
};

} // namespace fxp::gui
