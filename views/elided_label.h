#pragma once

#include <QLabel>

namespace fxp::views {

/// A text in one line: what does not fit is left out, of a path in its middle, where paths differ least, and is in the
/// tool tip.
class ElidedLabel : public QLabel {
    Q_OBJECT
  public:
    explicit ElidedLabel(Qt::TextElideMode mode = Qt::ElideMiddle, QWidget* parent = nullptr);

    void setFullText(const QString& text);
    const QString& fullText() const { return m_full; }

  protected:
    void resizeEvent(QResizeEvent* event) override;

  private:
    void fit();

    Qt::TextElideMode m_mode;
    QString m_full;
};

} // namespace fxp::views
