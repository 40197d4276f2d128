#pragma once

#include <QFrame>

class QLabel;
class QPushButton;

#include <functional>

namespace fxp::model {
class Document;
}

namespace fxp::gui {

/// A line for what went wrong or is worth knowing: what happened, where, what to do. It stops nobody. A message has an
/// icon, a colour and words of its kind, and goes when what it says is no longer so.
class MessageStrip : public QFrame {
    Q_OBJECT
  public:
    enum class Kind { Note, Warning, Error };
    /// Whether what a message says is so. Asked whenever the document changes.
    using Holds = std::function<bool()>;

    explicit MessageStrip(QWidget* parent = nullptr);

    /// Shows what the document tells of itself, and asks with each of its changes whether the message still holds.
    void follow(model::Document& document);

    void showError(const QString& where, const QString& problem, const QString& hint, const Holds& holds = {});
    void showNotice(const QString& text, const Holds& holds = {});
    /// A notice with one thing that can be done about it.
    void offer(const QString& text, const QString& action, const std::function<void()>& does, const Holds& holds = {});
    /// The same behind what is shown already, which stays alone when the offer no longer holds.
    void alsoOffer(const QString& text, const QString& action, const std::function<void()>& does, const Holds& holds);
    /// A warning with one thing that can be done about it.
    void warn(const QString& text, const QString& action, const std::function<void()>& does, const Holds& holds = {});
    QString text() const;
    Kind kind() const { return m_kind; }

  private:
    class Icon;
    void present(Kind kind, const QString& richText, const Holds& holds);
    void presentAction(const QString& action, const std::function<void()>& does);
    void recheck();

    Icon* m_icon;
    QLabel* m_text;
    QPushButton* m_action;
    Kind m_kind = Kind::Note;
    std::function<void()> m_does;
    Holds m_holds;                     ///< empty: until something else is said, or another model is open
    std::function<void()> m_otherwise; ///< shows what remains of the message when m_holds says no; empty: nothing
};

} // namespace fxp::gui
