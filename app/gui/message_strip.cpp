#include "app/gui/message_strip.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>

namespace fxp::gui {

MessageStrip::MessageStrip(QWidget* parent) : QFrame(parent), m_text(new QLabel), m_action(new QPushButton) {
    setObjectName("notice");
    m_text->setWordWrap(true);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* close = new QPushButton(tr("Close"));
    connect(close, &QPushButton::clicked, this, &QWidget::hide);
    connect(m_action, &QPushButton::clicked, this, [this] {
        hide();
        m_does();
    });
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(14, 7, 10, 7);
    layout->addWidget(m_text, 1);
    layout->addWidget(m_action);
    layout->addWidget(close);
    hide();
}

void MessageStrip::present(const QString& richText) {
    m_action->hide();
    m_text->setText(richText);
    show();
}

void MessageStrip::showError(const QString& where, const QString& problem, const QString& hint) {
    QString text = "<b>" + (where.isEmpty() ? tr("This did not work") : where.toHtmlEscaped()) +
                   "</b>: " + problem.toHtmlEscaped();
    if (!hint.isEmpty())
        text += ". " + tr("What to do: %1.").arg(hint.toHtmlEscaped());
    present(text);
}

void MessageStrip::showNotice(const QString& text) {
    present(text.toHtmlEscaped());
}

void MessageStrip::offer(const QString& text, const QString& action, const std::function<void()>& does) {
    presentOffer(text.toHtmlEscaped(), action, does);
}

void MessageStrip::alsoOffer(const QString& text, const QString& action, const std::function<void()>& does) {
    presentOffer((isHidden() ? QString() : m_text->text() + ' ') + text.toHtmlEscaped(), action, does);
}

void MessageStrip::presentOffer(const QString& richText, const QString& action, const std::function<void()>& does) {
    present(richText);
    m_does = does;
    m_action->setText(action);
    m_action->show();
}

QString MessageStrip::text() const {
    return isHidden() ? QString() : m_text->text();
}

} // namespace fxp::gui
