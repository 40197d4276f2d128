#include "quant/io/npz.h"
#include "support/golden.h"
#include "support/window.h"

#include <QLabel>
#include <QStatusBar>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>

using namespace fxp;
using gui::MainWindow;

/// The status line in its window.
class TestStatusLine : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void exactAccumulatorsAreNotCounted();
    void statusLineFitsTheWindow_data();
    void statusLineFitsTheWindow();
    void labelsWithoutAccuracyAreExplained();

  private:
    QTemporaryDir m_files;
};

void TestStatusLine::exactAccumulatorsAreNotCounted() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    QTRY_VERIFY(document.result()->complete);
    int tensors = 0, accumulators = 0;
    for (const auto& slot : document.slotInfos()) {
        tensors += !slot.absent && !slot.path.ends_with("accumulator");
        accumulators += !slot.absent && slot.path.ends_with("accumulator");
    }
    QVERIFY(accumulators > 0);
    const QLabel* shown = nullptr;
    for (const QLabel* label : window->findChildren<QLabel*>()) {
        if (label->accessibleName() == "Overflow" && label->parentWidget()->toolTip().contains("1 %"))
            shown = label;
    }
    QVERIFY(shown);
    QVERIFY2(shown->text().contains(QString("of %1 tensors").arg(tensors)), qPrintable(shown->text()));
}

void TestStatusLine::statusLineFitsTheWindow_data() {
    QTest::addColumn<int>("width");
    QTest::addColumn<QString>("name");
    QTest::newRow("small screen") << 1280 << QString();
    QTest::newRow("long name") << 1280 << QString(200, 'm') + ".pt";
    QTest::newRow("wide screen") << 1920 << QString();
}

/// What is under way takes its place from the figures at the right, and not from the screen.
void TestStatusLine::statusLineFitsTheWindow() {
    QFETCH(int, width);
    QFETCH(QString, name);
    const auto window = test::demoWindow();
    QVERIFY(window);
    window->resize(width, 800);
    QTRY_COMPARE(window->width(), width);
    auto& document = window->document();
    QVERIFY(test::statusShows(*window, "float →") && test::statusShows(*window, "ms"));
    if (name.isEmpty()) {
        quant::FinetuneOptions endless;
        endless.epochs = 1'000'000;
        document.finetune(endless);
    } else {
        window->openFiles({"/no/such/" + name, "/no/such/inputs.npz"});
    }
    QVERIFY(document.isBusyInForeground() && test::statusShows(*window, name.isEmpty() ? "Training" : "…"));
    for (int level = 0; level < 4; ++level) // nothing else is let in: the open fails soon
        QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);
    QCOMPARE(window->width(), width);
    QVERIFY(window->minimumSizeHint().width() <= 1280);
    QCOMPARE(test::statusShows(*window, "ms"), width > 1500);
    const auto labels = window->statusBar()->findChildren<QLabel*>();
    for (QLabel* label : labels) {
        const QRect area(label->mapTo(window->statusBar(), QPoint()), label->size());
        if (label->isVisible())
            QVERIFY2(label->width() >= label->sizeHint().width() && window->statusBar()->rect().contains(area) &&
                         label->parentWidget()->parentWidget()->rect().contains(label->parentWidget()->geometry()),
                     qPrintable(label->text()));
    }
    document.cancel();
    QTRY_VERIFY(!document.isBusyInForeground());
    QTRY_VERIFY(test::statusShows(*window, "ms"));
}

void TestStatusLine::labelsWithoutAccuracyAreExplained() {
    const auto window = std::make_unique<MainWindow>();
    window->show();
    auto& document = window->document();
    const QString folder = QString::fromStdString(test::modelFolder()) + "/mtcnn_pnet";
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    QVERIFY(QTest::qWaitFor([&] { return document.isOpen(); }, 120'000) && test::settled(document));
    QVERIFY(!test::statusShows(*window, "none: "));
    const std::vector<std::int64_t> classes(static_cast<std::size_t>(document.model()->sampleCount), 1);
    quant::NamedArrays arrays;
    arrays.items.emplace_back("labels", quant::Array::ofIntegers({document.model()->sampleCount}, classes));
    const QString file = m_files.filePath("labels.npz");
    quant::writeNpz(file.toStdString(), arrays);
    document.openLabels(file);
    QTRY_VERIFY_WITH_TIMEOUT(test::statusShows(*window, "none: no class per sample"), 120'000);
    const auto boxes = window->statusBar()->findChildren<QWidget*>();
    QVERIFY(std::ranges::any_of(boxes, [](QWidget* box) { return box->toolTip().contains("not [samples, classes]"); }));
}

QTEST_MAIN(TestStatusLine)
#include "tst_status_line.moc"
