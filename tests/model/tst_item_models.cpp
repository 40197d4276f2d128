#include "model/layer_filter_model.h"
#include "model/layer_tree_model.h"
#include "model/sample_list_model.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QAbstractItemModelTester>
#include <QImage>
#include <QTest>

using namespace fxp;
using namespace fxp::model;

/// The item models over a real network, checked by Qt's tester while formats change under them.
class TestItemModels : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void tree();
    void filter_data();
    void filter();
    void worstStandsFirst();
    void scaledFormats();
    void samples();

  private:
    static QStringList shown(const QAbstractItemModel& model, const QModelIndex& parent = {});
};

QStringList TestItemModels::shown(const QAbstractItemModel& model, const QModelIndex& parent) {
    QStringList paths;
    for (int row = 0; row < model.rowCount(parent); ++row) {
        const QModelIndex index = model.index(row, 0, parent);
        if (index.data(LayerTreeModel::SlotRole).toInt() >= 0)
            paths << index.data(LayerTreeModel::PathRole).toString();
        paths << shown(model, index);
    }
    return paths;
}

void TestItemModels::tree() {
    Document document;
    LayerTreeModel tree(document);
    QAbstractItemModelTester tester(&tree, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(tree.rowCount(), 0);
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_transformer";
    QVERIFY(test::openAndRun(document, folder, "scripted.pt"));
    QStringList names;
    for (int row = 0; row < tree.rowCount(); ++row)
        names << tree.index(row, 0).data().toString();
    QVERIFY(names.contains("encoder.layers")); // a chain of modules is one row
    QVERIFY(names.contains("stem") && names.contains("head"));
    int present = 0;
    for (const auto& slot : document.slotInfos())
        present += !slot.absent;
    QCOMPARE(shown(tree).size(), present);
    const int slot = document.slotOf("encoder.layers.1.linear1.activation");
    const QModelIndex index = tree.indexOf(slot);
    document.setFormats({{slot, {6, 4, {}, {}}}}, "edit");
    QCOMPARE(index.siblingAtColumn(LayerTreeModel::Format).data().toString(), QString("s1.4  6"));
    // A narrow column cuts formats: the tip has the whole.
    const QString tip = index.siblingAtColumn(LayerTreeModel::Format).data(Qt::ToolTipRole).toString();
    QVERIFY2(tip.contains("linear1.activation") && tip.contains("s1.4  6"), qPrintable(tip));
    QVERIFY(index.data(LayerTreeModel::StaleRole).toBool());
    QVERIFY(test::settled(document));
    QVERIFY(!index.data(LayerTreeModel::StaleRole).toBool());
    const double overflow = index.siblingAtColumn(LayerTreeModel::Overflow).data(LayerTreeModel::ValueRole).toDouble();
    QVERIFY(overflow > 0.001);
    // A branch shows the worst below it.
    QCOMPARE(index.parent().siblingAtColumn(LayerTreeModel::Overflow).data(LayerTreeModel::ValueRole).toDouble(),
             overflow);
    document.openModel(QString::fromStdString(test::modelFolder()) + "/mtcnn_pnet/traced.pt",
                       {QString::fromStdString(test::modelFolder()) + "/mtcnn_pnet/inputs.npz"});
    QTRY_VERIFY_WITH_TIMEOUT(document.slotOf("conv4_1.weight") >= 0, 30'000);
}

void TestItemModels::filter_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("present");
    QTest::addColumn<QString>("absent");
    QTest::newRow("name") << "linear1.act"
                          << "encoder.layers.0.linear1.activation"
                          << "head.weight";
    QTest::newRow("type") << "layer_norm"
                          << "norm.input"
                          << "head.weight";
    QTest::newRow("overflow") << "overflow > 1 %"
                              << "head.activation"
                              << "head.weight";
    QTest::newRow("SQNR") << "SQNR < 30 dB"
                          << "head.activation"
                          << "head.weight";
    QTest::newRow("bits") << "bits > 8"
                          << "head.weight"
                          << "head.activation";
    QTest::newRow("both") << "head, SQNR < 30"
                          << "head.activation"
                          << "embed.weight";
}

void TestItemModels::filter() {
    QFETCH(QString, text);
    QFETCH(QString, present);
    QFETCH(QString, absent);
    static Document document;
    if (!document.isOpen()) {
        QVERIFY(test::openAndRun(document, QString::fromStdString(test::modelFolder()) + "/digits_transformer",
                                 "traced.pt"));
        document.setFormats({{document.slotOf("head.activation"), {4, 2, {}, {}}}}, "edit");
        QVERIFY(test::settled(document));
    }
    LayerTreeModel tree(document);
    LayerFilterModel filtered;
    QAbstractItemModelTester tester(&filtered, QAbstractItemModelTester::FailureReportingMode::QtTest);
    filtered.setSourceModel(&tree);
    filtered.setFilterText(text);
    const QStringList paths = shown(filtered);
    QVERIFY2(paths.contains(present), qPrintable(paths.join(' ')));
    QVERIFY(!paths.contains(absent));
    filtered.setFilterText({});
    QCOMPARE(shown(filtered).size(), shown(tree).size());
}

void TestItemModels::worstStandsFirst() {
    Document document;
    QVERIFY(test::openAndRun(document, QString::fromStdString(test::modelFolder()) + "/digits_cnn", "traced.pt"));
    document.setFormats({{document.slotOf("pw.activation"), {3, 2, {}, {}}}}, "edit");
    QVERIFY(test::settled(document));
    LayerTreeModel tree(document);
    LayerFilterModel sorted;
    sorted.setSourceModel(&tree);
    sorted.sort(LayerTreeModel::Overflow, Qt::DescendingOrder);
    QCOMPARE(shown(sorted).front(), QString("pw.activation"));
    sorted.sort(LayerTreeModel::Sqnr, Qt::AscendingOrder);
    QCOMPARE(shown(sorted).front(), QString("pw.activation"));
    sorted.sort(LayerTreeModel::Tensor, Qt::AscendingOrder);
    QCOMPARE(shown(sorted).front(), QString("conv1.input"));
}

void TestItemModels::scaledFormats() {
    Document document;
    QVERIFY(test::openAndRun(document, QString::fromStdString(test::modelFolder()) + "/digits_cnn", "traced.pt"));
    const int activation = document.slotOf("pw.activation"), weight = document.slotOf("pw.weight");
    const auto channels = static_cast<std::size_t>(document.slotInfos()[static_cast<std::size_t>(weight)].shape[0]);
    const quant::QType perChannel{
        8, std::nullopt, {}, {}, quant::Affine{std::vector(channels, 0.5), std::vector<std::int64_t>(channels, 0), 0}};
    document.setFormats(
        {{activation, {9, std::nullopt, {}, {}, quant::Affine{{0.001}, {3}, -1}}}, {weight, perChannel}}, "scale");
    LayerTreeModel tree(document);
    QAbstractItemModelTester tester(&tree, QAbstractItemModelTester::FailureReportingMode::QtTest);
    const auto text = [&](int slot, int column) {
        return tree.indexOf(slot).siblingAtColumn(column).data().toString();
    };
    QCOMPARE(text(activation, LayerTreeModel::Format), QString("×0.001 +3  9"));
    QCOMPARE(text(weight, LayerTreeModel::Format), QString("×0.5…0.5 /%1  8").arg(channels));
    QVERIFY(tree.indexOf(activation).data(LayerTreeModel::StaleRole).toBool());
    QVERIFY(test::settled(document));
    QVERIFY(!tree.indexOf(activation).data(LayerTreeModel::StaleRole).toBool());
    // Nine bits of 0.001 reach from -0.259 to 0.252: beyond lies what the run says overflows.
    const quant::Figures& figures = document.slotResult(activation)->figures;
    QVERIFY(figures.max > 0.252 && figures.overflow() > 0);
    QCOMPARE(
        tree.indexOf(activation).siblingAtColumn(LayerTreeModel::Overflow).data(LayerTreeModel::ValueRole).toDouble(),
        double(figures.overflow()) / double(figures.count));
    LayerFilterModel filtered;
    filtered.setSourceModel(&tree);
    filtered.setFilterText("pw, bits < 10");
    const QStringList paths = shown(filtered);
    QVERIFY2(paths.contains("pw.activation") && paths.contains("pw.weight"), qPrintable(paths.join(' ')));
    document.setFormats({{activation, document.format(activation).withPoint(9, 4)}}, "point");
    QCOMPARE(text(activation, LayerTreeModel::Format), QString("s4.4  9"));
    document.undoStack()->undo();
    QCOMPARE(text(activation, LayerTreeModel::Format), QString("×0.001 +3  9"));
}

void TestItemModels::samples() {
    Document document;
    SampleListModel list(document);
    QAbstractItemModelTester tester(&list, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QVERIFY(
        test::openAndRun(document, QString::fromStdString(test::modelFolder()) + "/digits_transformer", "traced.pt"));
    QCOMPARE(list.rowCount(), 397);
    QCOMPARE(list.changedCount(), 0);
    QVERIFY(!list.index(0).data(Qt::DecorationRole).value<QImage>().isNull());
    document.setFormats({{document.slotOf("head.activation"), {2, -1, {}, {}}}}, "spoil");
    QVERIFY(test::settled(document));
    QVERIFY(list.changedCount() > 0);
    QVERIFY(list.index(0).data(SampleListModel::ChangedRole).toBool());
    QVERIFY(!list.index(list.changedCount()).data(SampleListModel::ChangedRole).toBool());
    QCOMPARE(list.index(0).data(SampleListModel::FloatRole) == list.index(0).data(SampleListModel::FixedRole), false);
}

QTEST_MAIN(TestItemModels)
#include "tst_item_models.moc"
