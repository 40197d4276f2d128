#include "views/inspector/bits_spin.h"

#include <QSignalBlocker>

namespace fxp::views {

BitsSpin::BitsSpin(int low, int high, const QString& name) {
    setRange(low, high);
    setAccessibleName(name);
    setKeyboardTracking(false);
    connect(this, &QSpinBox::valueChanged, this, &BitsSpin::chosen);
}

void BitsSpin::setWords(const QString& lowest, const QString& suffix) {
    m_lowest = lowest;
    m_suffix = suffix;
    setSpecialValueText(lowest);
    setSuffix(suffix);
}

void BitsSpin::present(int value, bool mixed) {
    const QSignalBlocker quiet(this);
    m_mixed = mixed;
    setSpecialValueText(mixed ? QString() : m_lowest);
    setSuffix(mixed ? QString() : m_suffix);
    // The lowest stands for “mixed”, so that any other value that is typed is a change.
    setValue(mixed ? minimum() : value);
}

void BitsSpin::stepBy(int steps) {
    if (m_mixed)
        Q_EMIT shifted(steps);
    else
        QSpinBox::stepBy(steps);
}

QString BitsSpin::textFromValue(int value) const {
    return m_mixed && value == minimum() ? tr("mixed") : QSpinBox::textFromValue(value);
}

int BitsSpin::valueFromText(const QString& text) const {
    return m_mixed && text == tr("mixed") ? minimum() : QSpinBox::valueFromText(text);
}

QValidator::State BitsSpin::validate(QString& text, int& position) const {
    const QString word = tr("mixed");
    if (!m_mixed || text == word)
        return m_mixed ? QValidator::Acceptable : QSpinBox::validate(text, position);
    if (text.contains(word)) { // typed beside it
        text.remove(word);
        position = static_cast<int>(text.size());
    }
    return word.startsWith(text) ? QValidator::Intermediate : QSpinBox::validate(text, position);
}

BitsSpin::StepEnabled BitsSpin::stepEnabled() const {
    return m_mixed ? StepUpEnabled | StepDownEnabled : QSpinBox::stepEnabled();
}

} // namespace fxp::views
