#include "app/gui/quick_find.h"
#include "support/window.h"

#include <QAbstractItemView>
#include <QCompleter>
#include <QLabel>
#include <QTest>

using namespace fxp;

/// Going to tensors and actions by a part of the name.
class TestQuickFind : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void findTakesAPart_data();
    void findTakesAPart();
    void findFollowsRenamedActions();
    void hitsAreReadAndNoneIsSaid();
    void escEmptiesTheField();
};

void TestQuickFind::findTakesAPart_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("tensor"); // empty: the one before
    QTest::addColumn<bool>("live");
    QTest::addColumn<QString>("left");
    QTest::newRow("whole path") << "fc.activation"
                                << "fc.activation" << true << "";
    QTest::newRow("end of a path") << "bn1.running_v"
                                   << "bn1.running_var" << true << "";
    QTest::newRow("any case") << "BN2.W"
                              << "bn2.weight" << true << "";
    QTest::newRow("the whole before the part") << "live"
                                               << "" << false << "";
    QTest::newRow("part of an action") << "liv"
                                       << "" << false << "";
    QTest::newRow("nothing of that name") << "nowhere"
                                          << "" << true << "nowhere";
}

void TestQuickFind::findTakesAPart() {
    QFETCH(QString, text);
    QFETCH(QString, tensor);
    QFETCH(bool, live);
    QFETCH(QString, left);
    const auto window = test::cnnWindow();
    QVERIFY(window);
    auto& document = window->document();
    const int expected = tensor.isEmpty() ? window->selection().current() : document.slotOf(tensor);
    auto* find = window->findChild<gui::QuickFind*>();
    find->setFocus();
    QTest::keyClicks(find, text);
    QTest::keyClick(find, Qt::Key_Return);
    QTRY_COMPARE(find->text(), left);
    QCOMPARE(window->selection().current(), expected);
    QCOMPARE(document.isLive(), live);
}

void TestQuickFind::findFollowsRenamedActions() {
    const auto window = test::cnnWindow();
    QVERIFY(window);
    auto& document = window->document();
    auto* find = window->findChild<gui::QuickFind*>();
    document.setBatchNormsFolded(true);
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") < 0 && !document.isBusy(), 120'000);
    QCoreApplication::processEvents();
    find->completer()->setCompletionPrefix("fold batch");
    QCOMPARE(find->completer()->currentCompletion(), QString("Unfold batch norms"));
    QTest::keyClicks(find, "unfold");
    QTest::keyClick(find, Qt::Key_Return);
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("bn1.weight") >= 0, 120'000);
}

void TestQuickFind::hitsAreReadAndNoneIsSaid() {
    const auto window = test::demoWindow();
    QVERIFY(window && QTest::qWaitForWindowActive(window.get()));
    auto* find = window->findChild<gui::QuickFind*>();
    auto* none = test::named<QLabel>(*window, "No match");
    QVERIFY(none);
    find->setFocus();
    QTest::keyClicks(find, "self_attn.softmax");
    const QAbstractItemView* list = find->completer()->popup();
    QTRY_VERIFY(list->isVisible());
    const auto* hits = find->completer()->completionModel();
    QVERIFY(hits->rowCount() > 0);
    QTRY_VERIFY(list->fontMetrics().horizontalAdvance(hits->index(0, 0).data().toString()) < list->viewport()->width());
    QVERIFY(!none->isVisible());
    QTest::keyClicks(find, "zzz");
    QTRY_VERIFY(none->isVisible());
    QVERIFY(none->text().contains("zzz") && window->rect().contains(none->geometry()));
    find->clear();
    QVERIFY(!none->isVisible());
}

void TestQuickFind::escEmptiesTheField() {
    const auto window = test::demoWindow();
    QVERIFY(window && QTest::qWaitForWindowActive(window.get()));
    auto* find = window->findChild<gui::QuickFind*>();
    find->setFocus();
    QTest::keyClicks(find, "no such thing");
    auto& document = window->document();
    document.run();
    QVERIFY(document.isBusy());
    QTest::keyClick(find, Qt::Key_Escape);
    QVERIFY(find->text().isEmpty());
    QVERIFY(document.isBusy()); // only the next one stops what is under way
    QTRY_VERIFY_WITH_TIMEOUT(!document.isBusy(), 60'000);
}

QTEST_MAIN(TestQuickFind)
#include "tst_quick_find.moc"
