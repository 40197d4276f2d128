#pragma once

#include "quant/core/qtype.h"

#include <QWidget>

class QLabel;

#include <optional>

namespace fxp::views {

/// The word as a row of cells, sign | integer . fraction, each over the magnitudes that it stands for. Dragging the
/// word or its binary point slides it along the axis (F changes, T stays); dragging an end adds or takes bits there.
/// Keys: Left and Right slide; with Shift the right end moves, with Ctrl the left. While something is dragged, the
/// format that it has then stands at the pointer.
class BitRuler : public QWidget {
    Q_OBJECT
  public:
    explicit BitRuler(QWidget* parent = nullptr);

    void setFormat(const quant::QType& format);
    const quant::QType& format() const { return m_format; }
    /// Where magnitude 2^exponent stands: at `origin` − exponent · `step` pixels, in this widget.
    void setAxis(double origin, double step);

    /// The middle of a cell's column, of the binary point, of an end's handle: what a pointer aims at.
    QPoint cellCentre(int exponent) const;
    QPoint pointHandle() const;
    QPoint leftHandle() const;
    QPoint rightHandle() const;
    QSize sizeHint() const override { return {400, 52}; }

  Q_SIGNALS:
    /// A new format while dragging or by key. Edits of one drag have the same gesture. `alike`: dragged with Shift, for
    /// all selected tensors the same.
    void edited(const fxp::quant::QType& format, int gesture, bool alike);

  protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    enum class Part { None, Word, LeftEnd, RightEnd };
    Part partAt(const QPoint& position) const;
    /// A hand over what slides, open or closed, and a split over an end.
    void showCursor(const QPoint& position);
    QRectF cell(int exponent) const;
    /// The format after `steps` columns to the right.
    std::optional<quant::QType> moved(const quant::QType& from, Part part, int steps) const;

    void showFeedback(const QPoint& pointer);

    quant::QType m_format, m_pressedFormat;
    QLabel* m_feedback;
    double m_origin = 200, m_step = 36;
    Part m_dragged = Part::None;
    double m_pressedStep = 36; ///< the axis may follow the word while it is dragged
    int m_pressedX = 0, m_gesture = 0;
    bool m_alike = false;
};

} // namespace fxp::views
