#pragma once

#include <QLabel>

namespace fxp::views {

/// A path in one line: what does not fit is left out of its middle, where paths differ least, and is in the tool tip.
class ElidedLabel : public QLabel {
    Q_OBJECT
  public:
    explicit ElidedLabel(QWidget* parent = nullptr);

    void setFullText(const QString& text);
    const QString& fullText() const { return m_full; }

  protected:
    void resizeEvent(QResizeEvent* event) override;

  private:
    void fit();

    QString m_full;
};

} // namespace fxp::views
