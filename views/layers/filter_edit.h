#pragma once

#include "model/layer_filter.h"

#include <QLineEdit>

namespace fxp::views {

/// The field of the tree's filter: parts that cannot be understood have a red wave below them, and a tip that says what
/// would be right; elsewhere the tip explains the language. Esc empties the field.
class FilterEdit : public QLineEdit {
    Q_OBJECT
  public:
    explicit FilterEdit(QWidget* parent = nullptr);

    void setProblems(const QList<model::LayerFilter::Problem>& problems);
    const QList<model::LayerFilter::Problem>& problems() const { return m_problems; }
    /// What the tip says there, in this widget.
    QString tipAt(const QPoint& position);

  protected:
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    void underline();

    QList<model::LayerFilter::Problem> m_problems;
};

} // namespace fxp::views
