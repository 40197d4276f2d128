#include "model/layer_tree_model.h"
#include "support/window.h"
#include "views/layers/layer_tree_view.h"
#include "views/plots/bit_ruler.h"

#include <QTest>
#include <QTreeView>

using namespace fxp;

/// Figures of an earlier format: grey, and with the way to newer ones where those do not come by themselves.
class TestOutOfDate : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void liveOffSaysSo_data();
    void liveOffSaysSo();
    void takingAnEditBackIsUpToDate();
    void aCancelledRunSaysSo();

  private:
    static bool says(gui::MainWindow& window, const QString& text);
    static void pressLeft(gui::MainWindow& window);
};

/// Whether a label of the window shows the text.
bool TestOutOfDate::says(gui::MainWindow& window, const QString& text) {
    const auto labels = window.findChildren<QLabel*>();
    return std::ranges::any_of(labels,
                               [&](QLabel* label) { return label->isVisible() && label->text().contains(text); });
}

/// One edit of the current tensor.
void TestOutOfDate::pressLeft(gui::MainWindow& window) {
    QTest::keyClick(window.findChild<views::BitRuler*>(), Qt::Key_Left);
}

void TestOutOfDate::liveOffSaysSo_data() {
    QTest::addColumn<QString>("shown");
    QTest::addColumn<bool>("depends");
    QTest::newRow("the edited tensor") << "encoder.layers.1.linear1.activation" << true;
    QTest::newRow("what follows it") << "encoder.layers.1.residual_2" << true;
    QTest::newRow("the output") << "head.activation" << true;
    QTest::newRow("what came before it") << "stem.0.activation" << false;
    QTest::newRow("a weight behind it") << "head.weight" << false;
}

void TestOutOfDate::liveOffSaysSo() {
    QFETCH(QString, shown);
    QFETCH(bool, depends);
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    test::action(*window, "Live")->trigger();
    QVERIFY(!document.isLive());
    pressLeft(*window);
    QVERIFY(test::statusShows(*window, "out of date: press F5"));
    const int slot = document.slotOf(shown);
    QVERIFY(slot >= 0);
    window->selection().select(slot);
    QCOMPARE(document.isStale(slot), depends);
    auto* state = test::named<QLabel>(*window, "State of the figures");
    QVERIFY(state);
    QCOMPARE(state->text(), depends ? QString("out of date: press F5") : QString());
    auto* tree = window->findChild<views::LayerTreeView*>()->tree();
    const QModelIndex row = tree->currentIndex().siblingAtColumn(model::LayerTreeModel::Sqnr);
    QCOMPARE(row.data(model::LayerTreeModel::StaleRole).toBool(), depends);
    QCOMPARE(row.data(Qt::ToolTipRole).toString().contains("press F5"), depends);
    QTest::qWait(50); // nothing comes by itself
    QVERIFY(!says(*window, "catching up"));

    QTest::keyClick(window.get(), Qt::Key_F5);
    QVERIFY(test::settled(document));
    QVERIFY(!says(*window, "out of date") && !says(*window, "catching up"));
    QVERIFY(!document.isStale(slot));
}

void TestOutOfDate::takingAnEditBackIsUpToDate() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    document.setLive(false);
    pressLeft(*window);
    QVERIFY(document.result()->outputsStale && says(*window, "out of date"));
    document.undoStack()->undo();
    QVERIFY(!document.result()->outputsStale && !says(*window, "out of date"));
}

void TestOutOfDate::aCancelledRunSaysSo() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    pressLeft(*window);
    document.cancel();
    QTRY_VERIFY(!document.isBusy());
    QVERIFY(document.result()->outputsStale);
    QVERIFY(says(*window, "out of date: press F5") && !says(*window, "catching up"));
    document.run();
    QVERIFY(test::settled(document));
    QVERIFY(!says(*window, "out of date"));
}

QTEST_MAIN(TestOutOfDate)
#include "tst_out_of_date.moc"
