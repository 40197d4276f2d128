#pragma once

#include <QWidget>

namespace fxp::gui {

/// Divides samples into those that formats are chosen on, at the left, and those that only judge. Dragged, or moved
/// with the arrow keys, Page up and down, Home and End; at the right end all samples choose.
class SplitSlider : public QWidget {
    Q_OBJECT
  public:
    explicit SplitSlider(QWidget* parent = nullptr);

    /// `chosen` of `count` samples are left of the handle. Fewer than two cannot be divided.
    void setSplit(int chosen, int count);
    int chosen() const { return m_chosen; }
    int handleX() const;

    QSize sizeHint() const override { return {200, 22}; }

  Q_SIGNALS:
    void moved(int chosen);

  protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    void moveTo(int chosen);
    void follow(int x);

    int m_chosen = 0, m_count = 0;
};

} // namespace fxp::gui
