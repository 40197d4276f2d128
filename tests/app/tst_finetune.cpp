#include "app/gui/finetune_dialog.h"
#include "app/gui/message_strip.h"
#include "support/window.h"

#include <QPushButton>
#include <QSpinBox>
#include <QTest>
#include <QTimer>

using namespace fxp;

/// Fine-tuning from the window: what the dialog holds out, and what is said afterwards.
class TestFinetune : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void theDialogShowsWhatIsHeldOut_data();
    void theDialogShowsWhatIsHeldOut();
    void floatIsTheFilesWeights();
};

void TestFinetune::theDialogShowsWhatIsHeldOut_data() {
    QTest::addColumn<int>("samples");
    QTest::addColumn<int>("chosenOn");
    QTest::addColumn<int>("every"); // 0: as it is at first
    QTest::addColumn<QString>("said");
    QTest::addColumn<int>("option");
    QTest::newRow("every fifth at first") << 397 << 0 << 0 << "79 of 397" << 5;
    QTest::newRow("every third") << 397 << 0 << 3 << "132 of 397" << 3;
    QTest::newRow("none") << 397 << 0 << 1 << "No sample is held out" << 0;
    QTest::newRow("too few") << 4 << 0 << 0 << "No sample is held out" << 5;
    QTest::newRow("split on opening") << 397 << 200 << 0 << "last 197 of 397" << 5;
}

void TestFinetune::theDialogShowsWhatIsHeldOut() {
    QFETCH(int, samples);
    QFETCH(int, chosenOn);
    QFETCH(int, every);
    QFETCH(QString, said);
    QFETCH(int, option);
    gui::FinetuneDialog dialog(samples, chosenOn);
    dialog.show();
    auto* box = test::named<QSpinBox>(dialog, "Held out, one sample of");
    QCOMPARE(box->isVisible(), chosenOn == 0);
    if (every > 0) {
        box->setFocus();
        box->selectAll();
        QTest::keyClicks(box, QString::number(every));
    }
    const auto labels = dialog.findChildren<QLabel*>();
    QVERIFY(
        std::ranges::any_of(labels, [&](QLabel* label) { return label->isVisible() && label->text().contains(said); }));
    QCOMPARE(dialog.options().heldOutEvery, option);
}

void TestFinetune::floatIsTheFilesWeights() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    const double before = *document.result()->predictions.accuracyFloat();
    const auto told = QString::number(100 * before, 'f', 1) + " % float";
    QVERIFY(test::statusShows(*window, told + " →"));
    QTimer::singleShot(0, this, [] {
        auto* dialog = qobject_cast<gui::FinetuneDialog*>(QApplication::activeModalWidget());
        QVERIFY(dialog);
        auto* epochs = dialog->findChildren<QSpinBox*>().front();
        epochs->setValue(2);
        for (QPushButton* button : dialog->findChildren<QPushButton*>()) {
            if (button->text() == "Train")
                QTest::mouseClick(button, Qt::LeftButton);
        }
    });
    test::action(*window, "Fine-tune")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(document.hasOtherWeights(), 120'000);
    auto* strip = window->findChild<gui::MessageStrip*>("notice");
    QVERIFY(strip);
    QTRY_VERIFY2(strip->text().contains("is kept") && strip->text().contains("samples held out"),
                 qPrintable(strip->text()));
    QVERIFY(test::settled(document));
    QCOMPARE(*document.fileAccuracy(), before);
    QVERIFY(test::statusShows(*window, told + ", file's weights →"));
    document.undoStack()->undo();
    QVERIFY(test::settled(document));
    QCOMPARE(strip->text(), QString()); // of weights that are no more
    QVERIFY(test::statusShows(*window, told + " →"));
}

QTEST_MAIN(TestFinetune)
#include "tst_finetune.moc"
