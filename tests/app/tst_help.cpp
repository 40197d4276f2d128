#include "app/gui/help_window.h"
#include "support/window.h"
#include "views/inspector/effect_panel.h"
#include "views/layers/layer_tree_view.h"

#include <QFile>
#include <QLineEdit>
#include <QMenuBar>
#include <QRegularExpression>
#include <QScrollBar>
#include <QTest>
#include <QTextBrowser>
#include <QTreeView>
#include <QTreeWidget>

using namespace fxp;
using gui::HelpWindow;

/// The manual, the list of keys, and what is said of figures.
class TestHelp : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void f1OpensTheManual();
    void f1IsAboutThePane();
    void theHeadingStaysUntilScrolled();
    void contentsLead();
    void searchGoesThroughAllPages();
    void keysAreThoseOfTheActions();
    void figuresAreExplained();
    void theManualNamesWhatThereIs();

  private:
    HelpWindow* help() const { return m_window->findChild<HelpWindow*>(); }

    std::unique_ptr<gui::MainWindow> m_window;
};

void TestHelp::initTestCase() {
    test::useOwnSettings();
    m_window = std::make_unique<gui::MainWindow>();
    m_window->show();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
}

void TestHelp::f1OpensTheManual() {
    QVERIFY(!help());
    m_window->setFocus();
    QTest::keyClick(m_window.get(), Qt::Key_F1);
    QVERIFY(help() && help()->isVisible());
    QCOMPARE(help()->page(), QString("MANUAL.md"));
    QVERIFY(help()->browser()->toPlainText().contains("First steps"));
    QTest::keyClick(help(), Qt::Key_Escape);
    QVERIFY(!help()->isVisible());
}

void TestHelp::f1IsAboutThePane() {
    m_window->activateWindow();
    m_window->findChild<QTreeView*>()->setFocus();
    QTest::keyClick(m_window.get(), Qt::Key_F1);
    QCOMPARE(help()->heading(), QString("Finding tensors"));
}

/// A window manager gives a window its size when it is shown already.
void TestHelp::theHeadingStaysUntilScrolled() {
    help()->show("MANUAL.md", "Runs");
    for (const QSize size : {QSize(1200, 600), QSize(700, 500), QSize(900, 680)}) {
        help()->resize(size);
        QTest::qWait(20);
        QCOMPARE(help()->heading(), QString("Runs"));
    }
    help()->browser()->verticalScrollBar()->triggerAction(QAbstractSlider::SliderToMinimum);
    help()->resize(800, 600);
    QTest::qWait(20);
    QCOMPARE(help()->browser()->verticalScrollBar()->value(), 0);
}

void TestHelp::contentsLead() {
    auto* contents = help()->findChild<QTreeWidget*>();
    QVERIFY(contents->topLevelItem(0)->childCount() > 8);
    const auto click = [&](QTreeWidgetItem* item) {
        contents->expandItem(item->parent());
        contents->scrollToItem(item);
        QTest::mouseClick(contents->viewport(), Qt::LeftButton, {}, contents->visualItemRect(item).center());
    };
    QTreeWidgetItem* runs = contents->topLevelItem(0)->child(7);
    click(runs);
    QCOMPARE(help()->heading(), runs->text(0));
    QTreeWidgetItem* figures = contents->topLevelItem(2)->child(6);
    QCOMPARE(figures->text(0), QString("7. Figures"));
    click(figures);
    QCOMPARE(help()->page(), QString("FIXED_POINT.md"));
    QCOMPARE(help()->heading(), figures->text(0));
    // A link from page to page.
    help()->show("MANUAL.md");
    Q_EMIT help()->browser()->anchorClicked(QUrl("FIXED_POINT.md"));
    QCOMPARE(help()->page(), QString("FIXED_POINT.md"));
}

void TestHelp::searchGoesThroughAllPages() {
    help()->show("MANUAL.md");
    QLineEdit* field = help()->field();
    field->setFocus();
    QTest::keyClicks(field, "kulisch"); // on the last page alone
    QCOMPARE(help()->page(), QString("FIXED_POINT.md"));
    QCOMPARE(help()->browser()->textCursor().selectedText().toLower(), QString("kulisch"));
    field->clear();
    QTest::keyClicks(field, "binary point");
    QStringList places;
    for (int i = 0; i < 4; ++i) {
        QCOMPARE(help()->browser()->textCursor().selectedText().toLower(), QString("binary point"));
        places << help()->page() + QString::number(help()->browser()->textCursor().position());
        QTest::keyClick(field, Qt::Key_Return);
    }
    QCOMPARE(QSet<QString>(places.begin(), places.end()).size(), 4);
    QTest::keyClick(field, Qt::Key_Return, Qt::ShiftModifier);
    QCOMPARE(help()->page() + QString::number(help()->browser()->textCursor().position()), places.back());
    field->clear();
    QTest::keyClicks(field, "no such word");
    QCOMPARE(test::named<QLabel>(*help(), "Result of the search")->text(), QString("no match"));
    field->clear();
}

void TestHelp::keysAreThoseOfTheActions() {
    help()->show("keys");
    const QString text = help()->browser()->toPlainText();
    int count = 0;
    for (const QAction* action : m_window->findChildren<QAction*>()) {
        if (action->shortcut().isEmpty())
            continue;
        QVERIFY2(text.contains(action->shortcut().toString(QKeySequence::NativeText)), qPrintable(action->text()));
        ++count;
    }
    QVERIFY(count > 12);
    for (const char* place : {"The word", "Along the network", "SQNR by format", "Plots"})
        QVERIFY2(text.contains(place), place);
}

void TestHelp::figuresAreExplained() {
    const auto* panel = m_window->findChild<views::EffectPanel*>();
    QFile file(FXP_SOURCE_DIR "/docs/FIXED_POINT.md");
    QFile manual(FXP_SOURCE_DIR "/docs/MANUAL.md");
    QVERIFY(file.open(QIODevice::ReadOnly) && manual.open(QIODevice::ReadOnly));
    const QString page = QString::fromUtf8(file.readAll()), users = QString::fromUtf8(manual.readAll());
    static const QRegularExpression kSection("section (\\d+)");
    int count = 0;
    for (const QLabel* label : panel->findChildren<QLabel*>()) {
        if (label->accessibleDescription().isEmpty())
            continue; // not a figure
        const auto section = kSection.match(label->whatsThis());
        QVERIFY2(section.hasMatch(), qPrintable(label->accessibleName()));
        QVERIFY(page.contains("\n## " + section.captured(1) + ". "));
        QVERIFY(!label->toolTip().isEmpty());
        QVERIFY2(users.contains("| " + label->accessibleName() + " |"), qPrintable(label->accessibleName()));
        ++count;
    }
    QCOMPARE(count, 11);
}

/// What stands in the manual as *Menu ▸ Entry* is there.
void TestHelp::theManualNamesWhatThereIs() {
    QFile manual(FXP_SOURCE_DIR "/docs/MANUAL.md");
    QVERIFY(manual.open(QIODevice::ReadOnly));
    static const QRegularExpression kPath("\\*(File|Edit|Model|Run|View|Help|Export) ▸ ([^*]+)\\*");
    const QString text = QString::fromUtf8(manual.readAll()).replace('\n', ' ');
    QStringList entries;
    for (const QAction* action : m_window->findChildren<QAction*>())
        entries << action->text().remove('&').remove("…");
    int count = 0;
    for (auto match = kPath.globalMatch(text); match.hasNext(); ++count) {
        const QString entry = match.next().captured(2);
        QVERIFY2(entries.contains(entry), qPrintable(entry));
    }
    QVERIFY(count > 8);
}

QTEST_MAIN(TestHelp)
#include "tst_help.moc"
