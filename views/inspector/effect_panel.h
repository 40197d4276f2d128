#pragma once

#include "model/document.h"
#include "views/selection.h"

#include <QWidget>

#include <vector>

class QLabel;

namespace fxp::views {

/// What the format does to the current tensor, in numbers. Numbers of an earlier format are grey and say so.
class EffectPanel : public QWidget {
    Q_OBJECT
  public:
    EffectPanel(model::Document& document, Selection& selection, QWidget* parent = nullptr);

  private:
    /// `meaning`: one sentence; `section`: of FIXED_POINT.md, which has the formula.
    QLabel* addRow(const QString& name, const QString& meaning, int section);
    /// The accumulator bits of the layer that the slot belongs to.
    void showSums(int slot);
    void refresh();

    model::Document& m_document;
    Selection& m_selection;
    QLabel *m_state, *m_range, *m_step, *m_data, *m_overflow, *m_underflow, *m_alone, *m_accumulated, *m_error, *m_bias,
        *m_fits, *m_sums;
};

} // namespace fxp::views
