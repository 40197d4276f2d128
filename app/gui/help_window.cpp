#include "app/gui/help_window.h"

#include "views/theme.h"

#include <QAbstractTextDocumentLayout>
#include <QApplication>
#include <QDesktopServices>
#include <QFile>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QScrollBar>
#include <QSplitter>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTextTable>
#include <QTimer>
#include <QTreeWidget>
#include <QVBoxLayout>

namespace fxp::gui {

namespace {

constexpr int kPageRole = Qt::UserRole, kHeadingRole = Qt::UserRole + 1;

template <class Does> void eachHeading(const QTextDocument& document, const Does& does) {
    for (QTextBlock block = document.begin(); block.isValid(); block = block.next()) {
        if (block.blockFormat().headingLevel() > 0)
            does(block);
    }
}

} // namespace

QList<std::pair<QString, QString>> HelpWindow::pages() {
    return {{"MANUAL.md", tr("Manual")}, {"keys", tr("Keys")}, {"FIXED_POINT.md", tr("What the numbers mean")}};
}

HelpWindow::HelpWindow(const QList<QAction*>& actions, QWidget* parent)
    : QWidget(parent, Qt::Window), m_actions(actions), m_contents(new QTreeWidget), m_text(new QTextBrowser),
      m_field(new QLineEdit), m_found(new QLabel) {
    setWindowTitle(tr("Help"));
    resize(900, 680);
    m_field->setPlaceholderText(tr("Search"));
    m_field->setClearButtonEnabled(true);
    m_field->setAccessibleName(tr("Search the help"));
    m_field->setToolTip(tr("Enter goes to the next place, Shift+Enter to the one before"));
    m_found->setObjectName("muted");
    m_found->setAccessibleName(tr("Result of the search"));
    m_contents->setHeaderHidden(true);
    m_contents->setAccessibleName(tr("Contents"));
    m_contents->setMinimumWidth(fontMetrics().horizontalAdvance(QString(22, 'n')));
    m_text->setOpenLinks(false);
    m_text->setAccessibleName(tr("Text"));
    m_text->document()->setDocumentMargin(18);
    m_text->setFrameShape(QFrame::NoFrame);
    auto* split = new QSplitter;
    split->setHandleWidth(1);
    split->setChildrenCollapsible(false);
    split->addWidget(m_contents);
    split->addWidget(m_text);
    split->setSizes({220, 680});
    split->setStretchFactor(1, 1);
    auto* top = new QHBoxLayout;
    top->setContentsMargins(12, 10, 12, 10);
    top->addWidget(m_field, 1);
    top->addWidget(m_found);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(top);
    layout->addWidget(split, 1);
    connect(m_text, &QTextBrowser::anchorClicked, this, &HelpWindow::follow);
    connect(m_field, &QLineEdit::textChanged, this, [this] { find(false, true); });
    m_field->installEventFilter(this);
    // A window that has just opened gets its size, and the text its lines, later.
    m_text->viewport()->installEventFilter(this);
    connect(m_text->verticalScrollBar(), &QScrollBar::actionTriggered, this, [this] { m_goal.reset(); });
    fillContents();
    const auto go = [this](const QTreeWidgetItem* item) {
        if (item)
            show(item->data(0, kPageRole).toString(), item->data(0, kHeadingRole).toString());
    };
    connect(m_contents, &QTreeWidget::currentItemChanged, this, go);
    connect(m_contents, &QTreeWidget::itemClicked, this, go); // the one that is current already, too
    load(pages().front().first);
}

QString HelpWindow::markdown(const QString& page) const {
    if (page == "keys")
        return keysAsMarkdown(m_actions);
    QFile file(":/help/" + page);
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

void HelpWindow::fillContents() {
    for (const auto& [page, title] : pages()) {
        auto* top = new QTreeWidgetItem(m_contents, {title});
        top->setData(0, kPageRole, page);
        QTextDocument document;
        document.setMarkdown(markdown(page));
        eachHeading(document, [&, page = page](const QTextBlock& block) {
            if (block.blockFormat().headingLevel() != 2)
                return;
            auto* item = new QTreeWidgetItem(top, {block.text()});
            item->setData(0, kPageRole, page);
            item->setData(0, kHeadingRole, block.text());
            item->setToolTip(0, block.text());
        });
    }
    m_contents->expandItem(m_contents->topLevelItem(0));
    m_contents->setCurrentItem(m_contents->topLevelItem(0)); // else the focus would make it so, and turn the page
}

void HelpWindow::load(const QString& page) {
    m_page = page;
    m_restyle = false;
    m_text->setMarkdown(markdown(page));
    style(*m_text->document());
}

/// Markdown comes without air between rows and with the sizes of a web page.
void HelpWindow::style(QTextDocument& document) const {
    const views::Theme theme(palette());
    QTextCursor all(&document);
    all.beginEditBlock(); // else each change lays the whole text out anew
    for (QTextBlock block = document.begin(); block.isValid(); block = block.next()) {
        QTextCursor cursor(block);
        QTextBlockFormat format = block.blockFormat();
        if (const int level = format.headingLevel(); level > 0) {
            format.setTopMargin(level == 1 ? 4 : 20);
            format.setBottomMargin(6);
            cursor.select(QTextCursor::BlockUnderCursor);
            QTextCharFormat letters;
            letters.setFontPointSize(font().pointSizeF() * (level == 1 ? 1.6 : level == 2 ? 1.25 : 1.1));
            letters.setFontWeight(QFont::DemiBold);
            cursor.mergeCharFormat(letters);
        } else if (!cursor.currentTable()) {
            format.setTopMargin(3);
            format.setBottomMargin(5);
        }
        format.setLineHeight(118, QTextBlockFormat::ProportionalHeight);
        QTextCursor(block).setBlockFormat(format);
    }
    for (QTextFrame* frame : document.rootFrame()->childFrames()) {
        auto* table = qobject_cast<QTextTable*>(frame);
        if (!table)
            continue;
        QTextTableFormat format = table->format();
        format.setBorder(1);
        format.setBorderBrush(theme.grid);
        format.setBorderCollapse(true);
        format.setBorderStyle(QTextFrameFormat::BorderStyle_Solid);
        format.setCellSpacing(0);
        format.setCellPadding(5);
        format.setTopMargin(6);
        format.setBottomMargin(8);
        format.setWidth(QTextLength(QTextLength::PercentageLength, 100));
        table->setFormat(format);
    }
    all.endEditBlock();
}

void HelpWindow::show(const QString& page, const QString& heading) {
    if (page != m_page || m_restyle)
        load(page);
    QWidget::show();
    raise();
    activateWindow();
    scrollTo(heading);
}

void HelpWindow::scrollTo(const QString& heading) {
    m_goal = heading;
    QTextBlock found = m_text->document()->begin();
    if (!heading.isEmpty())
        eachHeading(*m_text->document(), [&](const QTextBlock& block) {
            if (block.text().compare(heading, Qt::CaseInsensitive) == 0)
                found = block;
        });
    m_text->setTextCursor(QTextCursor(found));
    m_text->verticalScrollBar()->setValue(qRound(m_text->document()->documentLayout()->blockBoundingRect(found).top()) -
                                          (heading.isEmpty() ? 40 : 4));
}

QString HelpWindow::heading() const {
    const int first = m_text->cursorForPosition(QPoint(20, 12)).position();
    QString last;
    eachHeading(*m_text->document(), [&](const QTextBlock& block) {
        if (block.position() <= first)
            last = block.text();
    });
    return last;
}

void HelpWindow::follow(const QUrl& link) {
    for (const auto& [page, title] : pages()) {
        if (link.path() == page)
            return show(page, link.fragment());
    }
    if (link.isRelative() && !link.fragment().isEmpty())
        scrollTo(link.fragment());
    else if (!link.isRelative())
        QDesktopServices::openUrl(link);
}

void HelpWindow::find(bool backwards, bool fromHere) {
    const QString text = m_field->text();
    m_found->clear();
    QTextCursor cursor = m_text->textCursor();
    if (text.isEmpty()) {
        cursor.clearSelection();
        m_text->setTextCursor(cursor);
        return;
    }
    if (fromHere) // what is typed on still is at the place that was found
        cursor.setPosition(cursor.selectionStart());
    const auto flags = backwards ? QTextDocument::FindBackward : QTextDocument::FindFlags();
    QTextCursor found = m_text->document()->find(text, cursor, flags);
    const auto all = pages();
    qsizetype at = 0;
    while (all[at].first != m_page)
        ++at;
    // The other pages, and this one from its other end.
    for (qsizetype i = 1; found.isNull() && i <= all.size(); ++i) {
        const qsizetype next = (at + (backwards ? -i : i) + all.size()) % all.size();
        if (all[next].first != m_page) {
            QTextDocument document;
            document.setMarkdown(markdown(all[next].first));
            if (document.find(text).isNull())
                continue;
            load(all[next].first);
        }
        QTextCursor end(m_text->document());
        end.movePosition(backwards ? QTextCursor::End : QTextCursor::Start);
        found = m_text->document()->find(text, end, flags);
    }
    if (found.isNull()) {
        m_found->setText(tr("no match"));
        return;
    }
    m_goal.reset();
    m_text->setTextCursor(found);
    for (const auto& [page, title] : all) {
        if (page == m_page)
            m_found->setText(tr("in %1").arg(title));
    }
}

bool HelpWindow::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_text->viewport() && event->type() == QEvent::Resize && m_goal)
        QTimer::singleShot(0, this, [this] {
            if (m_goal)
                scrollTo(QString(*m_goal));
        });
    if (watched == m_field && event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) {
            find(key->modifiers() & Qt::ShiftModifier, false);
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

void HelpWindow::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape)
        close();
    else if (event->matches(QKeySequence::Find))
        m_field->setFocus();
    else
        QWidget::keyPressEvent(event);
}

void HelpWindow::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange || m_page.isEmpty())
        return;
    m_restyle = !isVisible();
    if (!m_restyle) {
        const QString here = heading();
        load(m_page);
        scrollTo(here);
    }
}

} // namespace fxp::gui
