#pragma once

#include "quant/train/finetune.h"

#include <QDialog>

class QCheckBox;
class QDoubleSpinBox;
class QSpinBox;

namespace fxp::gui {

/// Asks how to train the weights with the formats in place.
class FinetuneDialog : public QDialog {
    Q_OBJECT
  public:
    explicit FinetuneDialog(QWidget* parent = nullptr);

    quant::FinetuneOptions options() const;

  private:
    QSpinBox *m_epochs, *m_batch;
    QDoubleSpinBox* m_rate;
    QCheckBox* m_quantize;
};

} // namespace fxp::gui
