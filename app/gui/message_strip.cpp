#include "app/gui/message_strip.h"

#include "model/document.h"
#include "model/one_line.h"
#include "views/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QStyle>

#include <memory>
#include <utility>

namespace fxp::gui {

namespace {

constexpr int kIcon = 18;

/// Rich text that looks as the text does, wherever that came from.
QString shown(const QString& text) {
    return model::oneLine(text).toHtmlEscaped();
}

} // namespace

/// A round “i”, a triangle with “!”, a red disc with “×”: told apart by shape too.
class MessageStrip::Icon : public QWidget {
  public:
    explicit Icon(const Kind& kind) : m_kind(kind) { setFixedSize(kIcon, kIcon); }

  protected:
    void paintEvent(QPaintEvent*) override {
        const views::Theme theme(palette());
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(m_kind == Kind::Error     ? theme.danger
                         : m_kind == Kind::Warning ? theme.warningText
                                                   : theme.accent);
        QPainterPath shape;
        if (m_kind == Kind::Warning) {
            shape.addPolygon(QPolygonF({{kIcon / 2.0, 1.0}, {kIcon - 0.5, kIcon - 1.5}, {0.5, kIcon - 1.5}}));
            shape.closeSubpath();
        } else {
            shape.addEllipse(QRectF(rect()).adjusted(1, 1, -1, -1));
        }
        painter.drawPath(shape);
        QFont bold = font();
        bold.setBold(true);
        bold.setPixelSize(12);
        painter.setFont(bold);
        painter.setPen(theme.background);
        painter.drawText(rect().adjusted(0, m_kind == Kind::Warning ? 3 : 0, 0, 0), Qt::AlignCenter,
                         m_kind == Kind::Error     ? QStringLiteral("×")
                         : m_kind == Kind::Warning ? QStringLiteral("!")
                                                   : QStringLiteral("i"));
    }

  private:
    const Kind& m_kind;
};

MessageStrip::MessageStrip(QWidget* parent)
    : QFrame(parent), m_icon(new Icon(m_kind)), m_text(new QLabel), m_action(new QPushButton) {
    setObjectName("notice");
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::RichText); // also where there is nothing in it but a "&amp;"
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* close = new QPushButton(tr("Close"));
    close->setToolTip(tr("Hide this message"));
    m_action->setAccessibleName(tr("What can be done about it"));
    m_action->setToolTip(tr("Do what the message offers"));
    connect(close, &QPushButton::clicked, this, &QWidget::hide);
    connect(m_action, &QPushButton::clicked, this, [this] {
        hide();
        m_does();
    });
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(12, 8, 10, 8);
    layout->setSpacing(10);
    layout->addWidget(m_icon, 0, Qt::AlignTop);
    layout->addWidget(m_text, 1);
    layout->addWidget(m_action);
    layout->addWidget(close);
    hide();
}

void MessageStrip::follow(model::Document& document) {
    using model::Document;
    // An error is of the attempt that failed: it goes once something of the kind has worked.
    const auto opened = std::make_shared<int>(0), edited = std::make_shared<int>(0);
    for (const auto signal : {&Document::modelChanged, &Document::samplesChanged, &Document::weightsChanged})
        connect(&document, signal, this, [opened] { ++*opened; });
    connect(&document, &Document::modelChanged, this, &QWidget::hide);
    connect(&document, &Document::formatsChanged, this, [edited] { ++*edited; });
    connect(&document, &Document::failed, this,
            [=, this](const QString& where, const QString& problem, const QString& hint, bool ofFormats) {
                const auto count = ofFormats ? edited : opened;
                showError(where, problem, hint, [count, then = *count] { return *count == then; });
            });
    connect(&document, &Document::notice, this, [this](const QString& text) { showNotice(text); });
    connect(&document, &Document::noticeWhile, this, &MessageStrip::showNotice);
    for (const auto signal : {&Document::modelChanged, &Document::samplesChanged, &Document::formatsChanged,
                              &Document::resultChanged, &Document::weightsChanged})
        connect(&document, signal, this, &MessageStrip::recheck);
}

void MessageStrip::recheck() {
    if (!m_holds || m_holds())
        return;
    if (const auto otherwise = std::exchange(m_otherwise, {}))
        otherwise();
    else
        hide();
}

void MessageStrip::present(Kind kind, const QString& richText, const Holds& holds) {
    m_kind = kind;
    m_holds = holds;
    m_otherwise = {};
    setObjectName(kind == Kind::Error ? "error" : kind == Kind::Warning ? "warning" : "notice");
    setAccessibleName(kind == Kind::Error ? tr("Error") : kind == Kind::Warning ? tr("Warning") : tr("Note"));
    style()->unpolish(this);
    style()->polish(this);
    m_action->hide();
    m_text->setText(richText);
    m_icon->update();
    show();
}

void MessageStrip::presentAction(const QString& action, const std::function<void()>& does) {
    m_does = does;
    m_action->setText(action);
    m_action->show();
}

void MessageStrip::showError(const QString& where, const QString& problem, const QString& hint, const Holds& holds) {
    QString text = where.isEmpty() ? tr("<b>This did not work</b>: ") : tr("Error, <b>%1</b>: ").arg(shown(where));
    text += shown(problem);
    if (!hint.isEmpty())
        text += ". " + tr("What to do: %1.").arg(shown(hint));
    present(Kind::Error, text, holds);
}

void MessageStrip::showNotice(const QString& text, const Holds& holds) {
    present(Kind::Note, shown(text), holds);
}

void MessageStrip::offer(const QString& text, const QString& action, const std::function<void()>& does,
                         const Holds& holds) {
    present(Kind::Note, shown(text), holds);
    presentAction(action, does);
}

void MessageStrip::alsoOffer(const QString& text, const QString& action, const std::function<void()>& does,
                             const Holds& holds) {
    if (isHidden()) {
        offer(text, action, does, holds);
        return;
    }
    const QString before = m_text->text();
    const Holds beforeHolds = m_holds;
    present(m_kind, before + ' ' + shown(text), holds);
    presentAction(action, does);
    m_otherwise = [this, kind = m_kind, before, beforeHolds] {
        present(kind, before, beforeHolds);
        recheck();
    };
}

void MessageStrip::warn(const QString& text, const QString& action, const std::function<void()>& does,
                        const Holds& holds) {
    present(Kind::Warning, shown(text), holds);
    presentAction(action, does);
}

QString MessageStrip::text() const {
    return isHidden() ? QString() : m_text->text();
}

} // namespace fxp::gui
