#include "support/golden.h"
#include "support/opened_document.h"
#include "views/plots/network_plot.h"

#include <QTest>

#include <set>

using namespace fxp;

/// The names below the network strip.
class TestNetworkPlot : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void namesStandApart_data();
    void namesStandApart();
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

QTEST_MAIN(TestNetworkPlot)
#include "tst_network_plot.moc"
