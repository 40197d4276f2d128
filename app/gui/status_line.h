#pragma once

#include "model/document.h"

#include <QStatusBar>

class QLabel;
class QProgressBar;
class QPushButton;

namespace fxp::gui {

/// The model as a whole: accuracy, output SQNR, overflow, size, the last run's time; and what is under way, with a way
/// out.
class StatusLine : public QStatusBar {
    Q_OBJECT
  public:
    explicit StatusLine(model::Document& document, QWidget* parent = nullptr);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    QLabel* addFigure(const QString& name, const QString& tip);
    /// Shows the figures that fit, from the left: the line never widens the window, and shows no half of a number.
    void showWhatFits();
    void refresh();

    model::Document& m_document;
    QWidget* m_figures;
    QList<QWidget*> m_boxes; ///< of the figures, from the left
    QLabel *m_accuracy, *m_sqnr, *m_overflow, *m_weights, *m_time, *m_task;
    QProgressBar* m_progress;
    QPushButton* m_cancel;
};

} // namespace fxp::gui
