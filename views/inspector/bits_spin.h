#pragma once

#include <QSpinBox>

namespace fxp::views {

/// A number of bits of several tensors: one that they share, or “mixed”.
class BitsSpin : public QSpinBox {
    Q_OBJECT
  public:
    BitsSpin(int low, int high, const QString& name);

    /// What stands for the lowest value, and behind all others.
    void setWords(const QString& lowest, const QString& suffix);
    /// Shows the value, without a signal.
    void present(int value, bool mixed);
    bool isMixed() const { return m_mixed; }

    void stepBy(int steps) override;

  Q_SIGNALS:
    /// The user's value, for all tensors alike.
    void chosen(int value);
    /// Stepped while mixed: each tensor's own value moves by so much.
    void shifted(int steps);

  protected:
    QString textFromValue(int value) const override;
    int valueFromText(const QString& text) const override;
    QValidator::State validate(QString& text, int& position) const override;
    StepEnabled stepEnabled() const override;

  private:
    QString m_lowest, m_suffix;
    bool m_mixed = false;
};

} // namespace fxp::views
