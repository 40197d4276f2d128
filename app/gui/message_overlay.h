#pragma once

#include <QWidget>

namespace fxp::gui {

/// Messages at the bottom of a widget, over what it shows: they come and go without moving anything under the pointer.
class MessageOverlay : public QWidget {
    Q_OBJECT
  public:
    /// Shows those of the strips that are not hidden, one below the other.
    MessageOverlay(QWidget& over, const QList<QWidget*>& strips);

  protected:
    bool event(QEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void place();

    QWidget& m_over;
    QList<QWidget*> m_strips;
};

} // namespace fxp::gui
