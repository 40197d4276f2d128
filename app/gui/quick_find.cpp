#include "app/gui/quick_find.h"

#include <QAbstractItemView>
#include <QAction>
#include <QCompleter>
#include <QKeyEvent>
#include <QLabel>
#include <QScrollBar>
#include <QStringListModel>
#include <QTimer>

#include <algorithm>

namespace fxp::gui {

namespace {

QString plainText(const QAction& action) {
    return action.text().remove('&').remove(QStringLiteral("…"));
}

} // namespace

QuickFind::QuickFind(model::Document& document, views::Selection& selection, QWidget* parent)
    : QLineEdit(parent), m_document(document), m_selection(selection), m_names(new QStringListModel(this)),
      m_none(new QLabel(this)) {
    setPlaceholderText(tr("Go to tensor or action…   Ctrl+K"));
    setAccessibleName(tr("Go to tensor or action"));
    setToolTip(tr("Type a part of a name: Enter selects the tensor, or does what the action does (Ctrl+K)"));
    setClearButtonEnabled(true);
    setFixedWidth(fontMetrics().horizontalAdvance(placeholderText()) + 40);
    auto* completer = new QCompleter(m_names, this);
    completer->setFilterMode(Qt::MatchContains);
    completer->setCaseSensitivity(Qt::CaseInsensitive);
    completer->setMaxVisibleItems(14);
    completer->popup()->setTextElideMode(Qt::ElideMiddle);
    completer->popup()->setObjectName("hits");
    setCompleter(completer);
    m_none->setObjectName("feedback");
    m_none->setAccessibleName(tr("No match"));
    m_none->hide();
    // After the completer has looked for them.
    connect(this, &QLineEdit::textEdited, this, &QuickFind::showHits, Qt::QueuedConnection);
    connect(this, &QLineEdit::textChanged, m_none, &QWidget::hide);
    // After the completer has put the text in: clearing it from within would be undone.
    connect(completer, qOverload<const QString&>(&QCompleter::activated), this,
            [this](const QString& text) { QTimer::singleShot(0, this, [this, text] { take(text); }); });
    connect(this, &QLineEdit::returnPressed, this, [this] { take(text()); });
    // Once every action has the name that it has with this model.
    connect(&document, &model::Document::modelChanged, this, &QuickFind::refill, Qt::QueuedConnection);
}

void QuickFind::showHits() {
    constexpr int kWidest = 900;
    completer()->setCompletionPrefix(text());
    const int hits = completer()->completionCount();
    if (hits == 0 && !text().isEmpty()) {
        m_none->setParent(window()); // below the toolbar, over the panes
        m_none->setText(tr("No tensor or action has “%1” in its name").arg(text()));
        m_none->adjustSize();
        const QPoint right = mapTo(window(), rect().bottomRight());
        m_none->move(std::max(0, right.x() - m_none->width()), right.y() + 4);
        m_none->raise();
        m_none->show();
        return;
    }
    if (!completer()->popup()->isVisible())
        return;
    const QAbstractItemView* list = completer()->popup();
    int widest = width();
    for (int row = 0; row < hits; ++row) {
        const QString name = completer()->completionModel()->index(row, 0).data().toString();
        widest = std::max(widest, list->fontMetrics().horizontalAdvance(name));
    }
    const int needed = std::min(kWidest, widest + list->verticalScrollBar()->sizeHint().width() + 36);
    completer()->complete(QRect(width() - needed, 0, needed, height()));
}

bool QuickFind::event(QEvent* event) {
    if (event->type() == QEvent::ShortcutOverride && !text().isEmpty() &&
        static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape) { // before the window's Esc stops what is under way
        event->accept();
        return true;
    }
    return QLineEdit::event(event);
}

void QuickFind::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape && !text().isEmpty())
        clear();
    else
        QLineEdit::keyPressEvent(event);
}

void QuickFind::focusOutEvent(QFocusEvent* event) {
    QLineEdit::focusOutEvent(event);
    if (m_none)
        m_none->hide();
}

void QuickFind::setActions(const QList<QAction*>& actions) {
    m_actions = actions;
    refill();
}

void QuickFind::refill() {
    QStringList names;
    for (const quant::SlotInfo& slot : m_document.slotInfos()) {
        if (!slot.absent)
            names << QString::fromStdString(slot.path);
    }
    for (const QAction* action : m_actions)
        names << plainText(*action);
    m_names->setStringList(names);
}

bool QuickFind::go(const std::function<bool(const QString&)>& meant) {
    for (int slot = 0; slot < m_document.slotCount(); ++slot) {
        const quant::SlotInfo& info = m_document.slotInfos()[static_cast<std::size_t>(slot)];
        if (!info.absent && meant(QString::fromStdString(info.path))) {
            clear();
            m_selection.select(slot);
            return true;
        }
    }
    for (QAction* action : m_actions) {
        if (action->isEnabled() && meant(plainText(*action))) {
            clear();
            action->trigger();
            return true;
        }
    }
    return false;
}

void QuickFind::take(const QString& text) {
    if (text.isEmpty() || go([&](const QString& name) { return name.compare(text, Qt::CaseInsensitive) == 0; }))
        return;
    // The first of those that the list offers; what finds nothing stays to be corrected.
    if (!go([&](const QString& name) { return name.contains(text, Qt::CaseInsensitive); }))
        selectAll();
}

} // namespace fxp::gui
