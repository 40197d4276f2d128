#pragma once

#include <QFrame>

class QLabel;
class QPushButton;

#include <functional>

namespace fxp::gui {

/// A line under the toolbar for what went wrong or is worth knowing: what happened, where, what to do. It stops nobody.
class MessageStrip : public QFrame {
    Q_OBJECT
  public:
    explicit MessageStrip(QWidget* parent = nullptr);

    void showError(const QString& where, const QString& problem, const QString& hint);
    void showNotice(const QString& text);
    /// A notice with one thing that can be done about it.
    void offer(const QString& text, const QString& action, const std::function<void()>& does);
    /// The same behind what is shown already.
    void alsoOffer(const QString& text, const QString& action, const std::function<void()>& does);
    QString text() const;

  private:
    void present(const QString& richText);
    void presentOffer(const QString& richText, const QString& action, const std::function<void()>& does);

    QLabel* m_text;
    QPushButton* m_action;
    std::function<void()> m_does;
};

} // namespace fxp::gui
