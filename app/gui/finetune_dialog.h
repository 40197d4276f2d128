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
    /// `chosenOn`: how many first samples choose, where they are split already; 0: they are not.
    FinetuneDialog(std::int64_t samples, std::int64_t chosenOn, QWidget* parent = nullptr);

    quant::FinetuneOptions options() const;

  private:
    QSpinBox *m_epochs, *m_batch, *m_every;
    QDoubleSpinBox* m_rate;
    QCheckBox* m_quantize;
};

} // namespace fxp::gui
