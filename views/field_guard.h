#pragma once

#include <QObject>

#include <functional>

class QWidget;

namespace fxp::views {

/// Keeps fields from doing what was not meant for them. The wheel changes none that has not the focus, and scrolls what
/// it is in. Undo and redo are the window's while a field has nothing typed that it has not handed in.
class FieldGuard : public QObject {
    Q_OBJECT
  public:
    explicit FieldGuard(QObject* parent);

    /// Spin boxes, line edits, combo boxes; watched for the wheel alone where there is no `revert`, which drops what
    /// was typed.
    void watch(QWidget* field, const std::function<void()>& revert = {});
    /// All fields inside, for the wheel alone.
    static void guardWheel(QWidget* root);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    std::function<void()> m_revert;
};

} // namespace fxp::views
