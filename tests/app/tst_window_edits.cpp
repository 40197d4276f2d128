#include "app/gui/message_strip.h"
#include "support/golden.h"
#include "support/window.h"
#include "views/inspector/sqnr_table.h"
#include "views/plots/bit_ruler.h"

#include <QAction>
#include <QLineEdit>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>

using namespace fxp;
using gui::MainWindow;

/// Edits through the window: the word, the fields, the table.
class TestWindowEdits : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void dragThenSave();
    void spinBoxEditsAllSelected();
    void notationIsRead();
    void exceptionsBecomeMessages();
    void foldingIsOfferedWhereItCanSayWhyNot();
    void tableOfARecurrentStepSaysSo();
    void liveOffWaits();

  private:
    QTemporaryDir m_files;
};

void TestWindowEdits::dragThenSave() {
    const auto window = test::demoWindow();
    auto& document = window->document();
    auto* ruler = window->findChild<views::BitRuler*>();
    QTRY_VERIFY(ruler->isVisible() && ruler->width() > 200);
    const int slot = window->selection().current();
    const int before = *document.format(slot).fractionalBits;
    const int column = ruler->cellCentre(0).x() - ruler->cellCentre(1).x();
    const QPoint from = ruler->pointHandle();
    QTest::mousePress(ruler, Qt::LeftButton, {}, from);
    QTest::mouseMove(ruler, from + QPoint(-column, 0));
    QTest::mouseRelease(ruler, Qt::LeftButton, {}, from + QPoint(-column, 0));
    QCOMPARE(*document.format(slot).fractionalBits, before - 1);
    QVERIFY(window->windowTitle().contains('*'));
    const QString file = m_files.filePath("tuned.json");
    document.saveQConfig(file);
    const test::Json json = test::readJson(file.toStdString());
    QCOMPARE(json["layers"]["encoder.layers.1"]["linear1"]["activation"]["fractional_bits"].get<int>(), before - 1);
    QVERIFY(test::settled(document));
    QVERIFY(document.slotResult(slot)->format == document.format(slot));
}

void TestWindowEdits::spinBoxEditsAllSelected() {
    const auto window = test::demoWindow();
    auto& document = window->document();
    const int a = document.slotOf("embed.input"), b = document.slotOf("head.input");
    window->selection().set({a, b}, a);
    for (QSpinBox* box : window->findChildren<QSpinBox*>()) {
        if (box->accessibleName() == "Total bits")
            box->setValue(11);
    }
    QCOMPARE(*document.format(a).totalBits, 11);
    QCOMPARE(*document.format(b).totalBits, 11);
    QCOMPARE(document.undoStack()->index(), document.undoStack()->cleanIndex() + 1);
    test::action(*window, "Undo")->trigger();
    QCOMPARE(*document.format(b).totalBits, 8);
}

void TestWindowEdits::notationIsRead() {
    const auto window = test::demoWindow();
    auto& document = window->document();
    const int slot = window->selection().current();
    QLineEdit* field = nullptr;
    for (QLineEdit* edit : window->findChildren<QLineEdit*>()) {
        if (edit->accessibleName() == "ap_fixed")
            field = edit;
    }
    QVERIFY(field);
    const auto type = [&](const QString& text) {
        field->setFocus();
        field->selectAll();
        QTest::keyClicks(field, text);
        QTest::keyClick(field, Qt::Key_Return);
    };
    type("ap_fixed<9,3>");
    QCOMPARE(*document.format(slot).totalBits, 9);
    QCOMPARE(*document.format(slot).fractionalBits, 6);
    type("ap_fixed<1,1>");
    QCOMPARE(*document.format(slot).totalBits, 9);
    QVERIFY(window->findChild<gui::MessageStrip*>()->text().contains("ap_fixed"));
}

void TestWindowEdits::exceptionsBecomeMessages() {
    const auto window = test::demoWindow();
    // The demo's copy is written to a folder; where a file stands in its place, the action throws.
    auto* strip = window->findChild<gui::MessageStrip*>();
    const quant::Formats before = window->document().formats();
    window->document().setFormats({{0, {1, 0, {}, {}}}}, "edit");
    QVERIFY(strip->text().contains("What to do"));
    QVERIFY(window->document().formats() == before);
    QTRY_VERIFY(!window->document().isBusy());
}

void TestWindowEdits::foldingIsOfferedWhereItCanSayWhyNot() {
    const auto window = test::demoWindow();
    QVERIFY(!test::action(*window, "Fold batch norms")->isEnabled()); // there are none
    const auto other = test::cnnWindow();
    QVERIFY(test::action(*other, "Fold batch norms")->isEnabled());
}

void TestWindowEdits::tableOfARecurrentStepSaysSo() {
    const auto window = std::make_unique<MainWindow>();
    window->show();
    auto& document = window->document();
    const QString folder = QString::fromStdString(test::modelFolder()) + "/digits_lstm";
    window->openFiles({folder + "/traced.pt", folder + "/inputs.npz"});
    QVERIFY(QTest::qWaitFor([&] { return document.isOpen(); }, 30'000) && test::settled(document));
    auto* table = window->findChild<views::SqnrTable*>();
    window->selection().select(document.slotOf("rnn.l0.h_t"));
    QTRY_VERIFY(table->accessibleDescription().contains("feedback"));
    window->selection().select(document.slotOf("head.weight"));
    QTRY_VERIFY(table->accessibleDescription().isEmpty());
}

void TestWindowEdits::liveOffWaits() {
    const auto window = test::demoWindow();
    auto& document = window->document();
    test::action(*window, "Live")->setChecked(false);
    const int slot = window->selection().current();
    document.setFormats({{slot, {12, 8, {}, {}}}}, "edit");
    QTest::qWait(100);
    QVERIFY(document.isStale(slot));
    test::action(*window, "Run")->trigger();
    QVERIFY(test::settled(document));
    QVERIFY(!document.isStale(slot));
}

QTEST_MAIN(TestWindowEdits)
#include "tst_window_edits.moc"
