#include "views/field_guard.h"

#include <QAbstractSpinBox>
#include <QComboBox>
#include <QKeyEvent>
#include <QLineEdit>

namespace fxp::views {

namespace {

QLineEdit* editOf(QObject* field) {
    if (auto* edit = qobject_cast<QLineEdit*>(field))
        return edit;
    return qobject_cast<QAbstractSpinBox*>(field) ? field->findChild<QLineEdit*>() : nullptr;
}

bool isUndo(const QKeyEvent& event) {
    return event.matches(QKeySequence::Undo) || event.matches(QKeySequence::Redo);
}

} // namespace

FieldGuard::FieldGuard(QObject* parent) : QObject(parent) {}

void FieldGuard::watch(QWidget* field, const std::function<void()>& revert) {
    if (field->focusPolicy() == Qt::WheelFocus)
        field->setFocusPolicy(Qt::StrongFocus);
    if (revert)
        m_revert = revert;
    field->installEventFilter(this);
}

void FieldGuard::guardWheel(QWidget* root) {
    auto* guard = new FieldGuard(root);
    for (QWidget* field : root->findChildren<QWidget*>()) {
        if (qobject_cast<QAbstractSpinBox*>(field) || qobject_cast<QComboBox*>(field))
            guard->watch(field);
    }
}

bool FieldGuard::eventFilter(QObject* watched, QEvent* event) {
    const auto* field = qobject_cast<QWidget*>(watched);
    if (event->type() == QEvent::Wheel && field && !field->hasFocus()) {
        event->ignore(); // for the area around it
        return true;
    }
    if (m_revert && (event->type() == QEvent::ShortcutOverride || event->type() == QEvent::KeyPress)) {
        auto& key = *static_cast<QKeyEvent*>(event);
        const QLineEdit* edit = editOf(watched);
        if (!edit || !isUndo(key))
            return false;
        const bool pending = edit->isModified();
        if (event->type() == QEvent::ShortcutOverride)
            key.setAccepted(pending);
        else if (pending)
            m_revert();
        return true;
    }
    return QObject::eventFilter(watched, event);
}

} // namespace fxp::views
