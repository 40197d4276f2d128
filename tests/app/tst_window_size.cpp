#include "app/gui/main_window.h"
#include "support/golden.h"
#include "support/opened_document.h"
#include "views/elided_label.h"

#include <QLabel>
#include <QSettings>
#include <QStandardPaths>
#include <QStatusBar>
#include <QTest>

#include <memory>

using namespace fxp;
using gui::MainWindow;

/// The window is never larger than its screen.
class TestWindowSize : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void aLargerScreensGeometryFits();
    void taskTextsLeaveTheWidth();
};

void TestWindowSize::initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setApplicationName("fxp-workbench-size-test");
    QCoreApplication::setOrganizationName({});
    QSettings().clear();
}

void TestWindowSize::aLargerScreensGeometryFits() {
    {
        MainWindow window;
        window.show();
        window.setGeometry(900, 300, 2400, 1300);
        QVERIFY(window.close()); // keeps its geometry
    }
    MainWindow window;
    const QRect screen(0, 0, 1280, 800);
    window.resize(2400, 1300); // as restored from a larger screen
    window.move(900, 300);
    window.show();
    window.fitTo(screen);
    QTRY_VERIFY2(screen.contains(window.geometry()),
                 qPrintable(QString("%1 × %2").arg(window.width()).arg(window.height())));
    QVERIFY(window.height() >= 700 && window.width() >= 1270);
    window.resize(1000, 700);
    window.move(40, 50);
    window.fitTo(screen);
    QCOMPARE(window.size(), QSize(1000, 700)); // what fits stays
    QCOMPARE(window.pos(), QPoint(40, 50));
}

void TestWindowSize::taskTextsLeaveTheWidth() {
    const auto window = std::make_unique<MainWindow>();
    window->show();
    auto& document = window->document();
    const QString cnn = QString::fromStdString(test::modelFolder()) + "/digits_cnn/";
    window->openFiles({cnn + "traced.pt", cnn + "inputs.npz"}, cnn + "labels.npy");
    QVERIFY(QTest::qWaitFor([&] { return document.isOpen(); }, 60'000) && test::settled(document));
    window->resize(1280, 800);
    QTRY_COMPARE(window->size(), QSize(1280, 800));
    int notes = 0; // what is beside the plots' names is whole
    for (const auto* note : window->centralWidget()->findChildren<views::ElidedLabel*>()) {
        if (!note->fullText().contains("dB against float"))
            continue;
        QCOMPARE(note->text(), note->fullText());
        ++notes;
    }
    QCOMPARE(notes, 1);
    quant::FinetuneOptions endless;
    endless.epochs = 1'000'000;
    document.finetune(endless);
    QVERIFY(document.isBusyInForeground());
    const QString name(180, 'm');
    for (const QString& task :
         {QString("Running"), QString("Calibrating"), QString("Reading samples"), QString("Reading labels"),
          QString("Reading weights"), QString("Saving weights"), QString("Comparing"), QString("Folding batch norms"),
          QString("Taking up edits"), QString("SQNR by format"), "Opening " + name + ".pt",
          QString("Training: epoch %1, loss %2, accuracy %3 %")
              .arg(10000)
              .arg(1e30, 0, 'f', 3)
              .arg(100.0, 0, 'f', 1)}) {
        Q_EMIT document.busyChanged(true, task);
        for (int level = 0; level < 4; ++level)
            QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);
        QVERIFY2(window->size() == QSize(1280, 800), qPrintable(task));
        QVERIFY2(window->minimumSizeHint().width() <= 1280 && window->minimumSizeHint().height() <= 776,
                 qPrintable(task));
        const auto labels = window->statusBar()->findChildren<QLabel*>();
        bool isShown = false;
        for (const QLabel* label : labels) {
            isShown = isShown || (label->isVisible() && label->text().startsWith(task.left(3)));
            const QRect area(label->mapTo(window->statusBar(), QPoint()), label->size());
            if (label->isVisible())
                QVERIFY2(window->statusBar()->rect().contains(area), qPrintable(task + ": " + label->text()));
        }
        QVERIFY2(isShown, qPrintable(task));
    }
    document.cancel();
}

QTEST_MAIN(TestWindowSize)
#include "tst_window_size.moc"
