#include "support/window.h"
#include "views/layers/filter_edit.h"
#include "views/layers/layer_tree_view.h"

#include <QAbstractItemModelTester>
#include <QAbstractItemView>
#include <QTest>
#include <QTreeView>

using namespace fxp;

/// Every item model of the window under Qt's tester, through all that changes what they show.
class TestWindowModels : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void throughAllThatHappens();
};

void TestWindowModels::throughAllThatHappens() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    std::vector<std::unique_ptr<QAbstractItemModelTester>> testers;
    for (const QAbstractItemView* view : window->findChildren<QAbstractItemView*>()) {
        if (view->model())
            testers.push_back(std::make_unique<QAbstractItemModelTester>(
                view->model(), QAbstractItemModelTester::FailureReportingMode::QtTest));
    }
    QVERIFY(testers.size() >= 2); // the tree's filter and the samples, at least
    auto* tree = window->findChild<views::LayerTreeView*>();
    const auto rows = [&] { return tree->tree()->model()->rowCount(); };
    const int all = rows();
    // Edits, undo, figures that arrive; a filter and an order that depend on them.
    tree->filter()->setText("overflow > 1 %");
    tree->tree()->sortByColumn(2, Qt::DescendingOrder);
    const int slot = document.slotOf("head.activation");
    document.setFormats({{slot, {4, 4, {}, {}}}}, "spoil");
    QVERIFY(test::settled(document));
    QVERIFY(rows() > 0);
    document.undoStack()->undo();
    QVERIFY(test::settled(document));
    tree->filter()->setText("nothing is called so");
    QCOMPARE(rows(), 0);
    tree->filter()->clear();
    QCOMPARE(rows(), all);
    // Another model, and its batch norms folded and not.
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_cnn";
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    QVERIFY(QTest::qWaitFor([&] { return document.slotOf("pw.activation") >= 0; }, 120'000));
    QVERIFY(test::settled(document));
    const int layers = rows();
    document.setBatchNormsFolded(true);
    QVERIFY(test::settled(document));
    QTRY_VERIFY(rows() < layers);
    document.undoStack()->undo();
    QTRY_COMPARE(rows(), layers);
    QVERIFY(test::settled(document));
    document.openSamples({folder + "/inputs.npz"});
    QVERIFY(test::settled(document));
    QCOMPARE(rows(), layers);
}

QTEST_MAIN(TestWindowModels)
#include "tst_window_models.moc"
