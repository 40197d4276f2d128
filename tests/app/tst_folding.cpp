#include "support/window.h"

#include <QMessageBox>
#include <QPushButton>
#include <QTest>
#include <QTimer>

using namespace fxp;

/// Folding batch norms into layers whose formats were chosen before.
class TestFolding : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void foldingAfterCalibrationAsks_data();
    void foldingAfterCalibrationAsks();
    void foldingAFloatModelDoesNotAsk();
};

void TestFolding::foldingAfterCalibrationAsks_data() {
    QTest::addColumn<QString>("answer");
    QTest::addColumn<bool>("folds");
    QTest::addColumn<bool>("accurate");
    QTest::newRow("calibrate anew") << "Fold and calibrate anew" << true << true;
    QTest::newRow("fold only") << "Fold only" << true << false;
    QTest::newRow("cancel") << "Cancel" << false << true;
}

void TestFolding::foldingAfterCalibrationAsks() {
    QFETCH(QString, answer);
    QFETCH(bool, folds);
    QFETCH(bool, accurate);
    const auto window = test::modelWindow("digits_cnn", true);
    QVERIFY(window);
    auto& document = window->document();
    document.calibrate({}, {});
    QTRY_VERIFY_WITH_TIMEOUT(document.undoStack()->count() == 1, 120'000);
    QVERIFY(test::settled(document));
    const double before = *document.result()->predictions.accuracyFixed();
    QVERIFY(before > 0.9);
    const int total = *document.format(document.slotOf("conv1.weight")).totalBits;
    const quant::Formats formats = document.formats();
    bool asked = false;
    QTimer::singleShot(0, this, [&] {
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        QVERIFY(box);
        asked = box->text().contains("other weights");
        for (QAbstractButton* button : box->buttons()) {
            if (button->text().remove('&') == answer)
                QTest::mouseClick(button, Qt::LeftButton);
        }
    });
    test::action(*window, "Fold batch norms")->trigger();
    QVERIFY(asked);
    QTRY_COMPARE_WITH_TIMEOUT(document.slotOf("bn1.weight") < 0, folds, 120'000);
    QVERIFY(test::settled(document));
    QCOMPARE(*document.result()->predictions.accuracyFixed() > before - 0.05, accurate);
    QCOMPARE(*document.format(document.slotOf("conv1.weight")).totalBits, total);
    QCOMPARE(document.undoStack()->count(), folds ? 2 : 1);
    if (folds) { // folding and formats are one step
        document.undoStack()->undo();
        QVERIFY(document.formats() == formats);
    }
}

void TestFolding::foldingAFloatModelDoesNotAsk() {
    const auto window = test::cnnWindow();
    QVERIFY(window);
    test::action(*window, "Fold batch norms")->trigger();
    QVERIFY(!QApplication::activeModalWidget());
    QTRY_VERIFY_WITH_TIMEOUT(window->document().slotOf("bn1.weight") < 0, 120'000);
    QVERIFY(test::settled(window->document()));
}

QTEST_MAIN(TestFolding)
#include "tst_folding.moc"
