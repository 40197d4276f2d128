#include "support/golden.h"
#include "support/opened_document.h"
#include "views/plots/network_plot.h"

#include <QTest>

#include <set>

using namespace fxp;

/// The names below the network strip, and its keys.
class TestNetworkPlot : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void namesStandApart_data();
    void namesStandApart();
    void arrowsWalk();
};

void TestNetworkPlot::namesStandApart_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QStringList>("names");
    for (const int width : {260, 640, 1400}) {
        QTest::addRow("several outer modules, %d", width)
            << "digits_transformer/traced.pt"
            << (width < 1000 ? QStringList() : QStringList{"stem", "layers.0", "layers.1"});
        QTest::addRow("one outer module, %d", width)
            << "silero_vad/silero_vad.jit" << (width < 600 ? QStringList() : QStringList{"encoder", "decoder"});
    }
}

void TestNetworkPlot::namesStandApart() {
    QFETCH(QString, model);
    QFETCH(QStringList, names);
    const int width = QString(QTest::currentDataTag()).section(", ", -1).toInt();
    model::Document document;
    views::Selection selection;
    const QString file = QString::fromStdString(test::modelFolder()) + "/" + model;
    model::OpenRequest request;
    request.model = file;
    request.samples << file.section('/', 0, -2) + "/inputs.npz";
    if (model.startsWith("silero"))
        request.inputs["sr"] = {model::InputSource::Kind::Value, {}, 16000, {}};
    QString problem;
    connect(&document, &model::Document::failed, this,
            [&](const QString& where, const QString& what) { problem = where + ": " + what; });
    document.openModel(request);
    QVERIFY2(QTest::qWaitFor([&] { return document.isOpen() || !problem.isEmpty(); }, 60'000) && problem.isEmpty(),
             qPrintable(problem));
    QVERIFY(test::settled(document));
    views::NetworkPlot plot(document, selection);
    plot.resize(width, 110);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    QTRY_VERIFY(!plot.labels().empty());
    QTRY_VERIFY(plot.labels().back().area.right() > width / 3); // laid out at this width
    std::set<QString> shown;
    int free = 0;
    for (const auto& label : plot.labels()) {
        QVERIFY2(label.area.left() >= free, qPrintable(label.name)); // none over another
        QVERIFY(label.area.right() <= width);
        free = label.area.right() + 4;
        shown.insert(label.name);
    }
    for (const QString& name : names)
        QVERIFY2(shown.contains(name), qPrintable(QStringList(shown.begin(), shown.end()).join(' ')));
    QVERIFY(!shown.contains("_model"));
}

void TestNetworkPlot::arrowsWalk() {
    model::Document document;
    views::Selection selection;
    QVERIFY(
        test::openAndRun(document, QString::fromStdString(test::modelFolder()) + "/digits_transformer", "traced.pt"));
    views::NetworkPlot plot(document, selection);
    plot.resize(600, 110);
    plot.show();
    QVERIFY(QTest::qWaitForWindowActive(&plot));
    QWidget* strip = plot.canvas();
    strip->setFocus();
    // What the strip shows, in its order: the numbers as text have it too.
    QStringList order;
    for (const QString& line : plot.csv().split('\n', Qt::SkipEmptyParts))
        order << line.section(',', 0, 0);
    order.removeFirst();
    QVERIFY(order.size() > 20);
    const auto current = [&] {
        const int slot = selection.current();
        return slot < 0 ? QString() : QString::fromStdString(document.slotInfos()[std::size_t(slot)].path);
    };
    QTest::keyClick(strip, Qt::Key_Home);
    QCOMPARE(current(), order.front());
    QTest::keyClick(strip, Qt::Key_Left); // nothing before it
    QCOMPARE(current(), order.front());
    QTest::keyClick(strip, Qt::Key_Right);
    QTest::keyClick(strip, Qt::Key_Right);
    QCOMPARE(current(), order[2]);
    QTest::keyClick(strip, Qt::Key_End);
    QCOMPARE(current(), order.back());
    QTest::keyClick(strip, Qt::Key_Left);
    QCOMPARE(current(), order[order.size() - 2]);
    // A parameter has no bar: the next one is that of what is computed after it.
    const int weight = document.slotOf("head.weight");
    selection.select(weight);
    QTest::keyClick(strip, Qt::Key_Right);
    QVERIFY(selection.current() > weight);
    selection.select(weight);
    QTest::keyClick(strip, Qt::Key_Left);
    QCOMPARE(current(), QString("head.input"));
}

QTEST_MAIN(TestNetworkPlot)
#include "tst_network_plot.moc"
