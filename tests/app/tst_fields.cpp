#include "quant/core/notation.h"
#include "support/window.h"
#include "views/plots/bit_ruler.h"

#include <QComboBox>
#include <QLineEdit>
#include <QSpinBox>
#include <QTest>
#include <QWheelEvent>

using namespace fxp;

/// Fields of the inspector: undo, the wheel, several tensors.
class TestFields : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void undoDoesNotEmptyTheDemo();
    void undoWorksInAField_data();
    void undoWorksInAField();
    void whatWasTypedIsDroppedFirst();
    void wheelTurnsNoFieldThatWasNotClicked();
    void differentValuesAreMixed();
    void dragShiftsEach_data();
    void dragShiftsEach();

  private:
    static void wheel(QWidget* field);
};

void TestFields::wheel(QWidget* field) {
    const QPointF at = field->rect().center();
    QWheelEvent event(at, field->mapToGlobal(at), {}, {0, 120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(field, &event);
}

void TestFields::undoDoesNotEmptyTheDemo() {
    const auto window = test::demoWindow();
    QVERIFY(window && QTest::qWaitForWindowActive(window.get()));
    auto& document = window->document();
    const quant::Formats formats = document.formats();
    QVERIFY(!document.format(window->selection().current()).isFloat());
    QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier);
    QVERIFY(document.formats() == formats);
    QVERIFY(!test::action(*window, "Undo")->isEnabled());
    QVERIFY(!document.isModified() && !document.qconfigFile().isEmpty());
}

void TestFields::undoWorksInAField_data() {
    QTest::addColumn<QString>("field");
    QTest::addColumn<QString>("text");
    QTest::newRow("total bits") << "Total bits"
                                << "12";
    QTest::newRow("fractional bits") << "Fractional bits"
                                     << "9";
    QTest::newRow("ap_fixed") << "ap_fixed"
                              << "ap_fixed<9,3>";
}

void TestFields::undoWorksInAField() {
    QFETCH(QString, field);
    QFETCH(QString, text);
    const auto window = test::demoWindow();
    QVERIFY(window && QTest::qWaitForWindowActive(window.get()));
    auto& document = window->document();
    const int slot = window->selection().current();
    const quant::QType before = document.format(slot);
    QWidget* widget = test::named<QWidget>(*window, field);
    QVERIFY(widget);
    auto* edit = qobject_cast<QLineEdit*>(widget) ? qobject_cast<QLineEdit*>(widget) : widget->findChild<QLineEdit*>();
    widget->setFocus();
    edit->selectAll();
    QTest::keyClicks(widget, text);
    QTest::keyClick(widget, Qt::Key_Return);
    QVERIFY(document.format(slot) != before);
    QVERIFY(widget->hasFocus());
    QTest::keyClick(widget, Qt::Key_Z, Qt::ControlModifier);
    QVERIFY(document.format(slot) == before);
    QTest::keySequence(widget, QKeySequence(QKeySequence::Redo));
    QVERIFY(document.format(slot) != before);
}

void TestFields::whatWasTypedIsDroppedFirst() {
    const auto window = test::demoWindow();
    QVERIFY(window && QTest::qWaitForWindowActive(window.get()));
    auto& document = window->document();
    const int slot = window->selection().current();
    document.setFormats({{slot, {9, 5, {}, {}}}}, "edit");
    auto* box = test::named<QSpinBox>(*window, "Total bits");
    box->setFocus();
    box->selectAll();
    QTest::keyClicks(box, "12"); // not handed in
    QTest::keyClick(box, Qt::Key_Z, Qt::ControlModifier);
    QCOMPARE(box->cleanText(), QString("9"));
    QCOMPARE(*document.format(slot).totalBits, 9);
    QTest::keyClick(box, Qt::Key_Z, Qt::ControlModifier);
    QCOMPARE(*document.format(slot).totalBits, 6);
}

void TestFields::wheelTurnsNoFieldThatWasNotClicked() {
    const auto window = test::demoWindow();
    QVERIFY(window && QTest::qWaitForWindowActive(window.get()));
    auto& document = window->document();
    const quant::Formats formats = document.formats();
    auto* total = test::named<QSpinBox>(*window, "Total bits");
    for (QWidget* field :
         {static_cast<QWidget*>(total), static_cast<QWidget*>(test::named<QComboBox>(*window, "Rounding"))})
        wheel(field);
    QVERIFY(document.formats() == formats);
    QTest::mouseClick(total->findChild<QLineEdit*>(), Qt::LeftButton);
    wheel(total);
    QCOMPARE(*document.format(window->selection().current()).totalBits, 7);
}

void TestFields::differentValuesAreMixed() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    const int a = document.slotOf("embed.input"), b = document.slotOf("head.input"), c = document.slotOf("norm.input");
    document.setFormats({{a, {8, 4, {}, {}}}, {b, {11, 4, quant::Rounding::Floor, {}}}, {c, {8, 4, {}, {}}}}, "edit");
    auto* total = test::named<QSpinBox>(*window, "Total bits");
    auto* fraction = test::named<QSpinBox>(*window, "Fractional bits");
    auto* rounding = test::named<QComboBox>(*window, "Rounding");
    auto* notation = test::named<QLineEdit>(*window, "ap_fixed");
    window->selection().set({a, b}, a);
    QCOMPARE(total->text(), QString("mixed"));
    QCOMPARE(fraction->text(), QString("4")); // alike
    QCOMPARE(rounding->currentIndex(), -1);
    QCOMPARE(rounding->placeholderText(), QString("mixed"));
    QCOMPARE(notation->text(), QString());
    QCOMPARE(notation->placeholderText(), QString("mixed"));

    total->setFocus();
    QTest::keyClick(total, Qt::Key_Up); // each from its own
    QCOMPARE(*document.format(a).totalBits, 9);
    QCOMPARE(*document.format(b).totalBits, 12);
    QCOMPARE(total->text(), QString("mixed"));
    total->selectAll();
    QTest::keyClicks(total, "10"); // all alike
    QTest::keyClick(total, Qt::Key_Return);
    QCOMPARE(*document.format(a).totalBits, 10);
    QCOMPARE(*document.format(b).totalBits, 10);
    QCOMPARE(total->text(), QString("10"));
    window->selection().set({a}, a);
    QVERIFY(rounding->currentIndex() >= 0);
    QVERIFY(notation->text().startsWith("ap_fixed"));
}

void TestFields::dragShiftsEach_data() {
    QTest::addColumn<bool>("shift");
    QTest::addColumn<QPoint>("columns"); // there and back within one drag, then where it ends
    QTest::addColumn<int>("fractionOfB");
    QTest::addColumn<int>("totalOfB");
    QTest::newRow("by the same amount") << false << QPoint(3, 2) << 9 << 12;
    QTest::newRow("to the left") << false << QPoint(-1, -2) << 5 << 12;
    QTest::newRow("all alike with Shift") << true << QPoint(3, 2) << 6 << 8;
}

void TestFields::dragShiftsEach() {
    QFETCH(bool, shift);
    QFETCH(QPoint, columns);
    QFETCH(int, fractionOfB);
    QFETCH(int, totalOfB);
    const auto window = test::demoWindow();
    QVERIFY(window);
    auto& document = window->document();
    const int a = document.slotOf("embed.input"), b = document.slotOf("head.input"), c = document.slotOf("norm.input");
    document.setFormats({{a, {8, 4, {}, {}}}, {b, {12, 7, {}, {}}}, {c, {}}}, "edit");
    window->selection().set({a, b, c}, a);
    auto* ruler = window->findChild<views::BitRuler*>();
    QTRY_VERIFY(ruler->isVisible() && ruler->width() > 200);
    auto* feedback = test::named<QLabel>(*window, "Format while dragging");
    QVERIFY(feedback && !feedback->isVisible());
    const int column = ruler->cellCentre(0).x() - ruler->cellCentre(1).x();
    const QPoint from = ruler->pointHandle();
    const auto move = [&](int steps) {
        const QPointF at = from + QPoint(steps * column, 0);
        QMouseEvent event(QEvent::MouseMove, at, ruler->mapToGlobal(at), Qt::NoButton, Qt::LeftButton,
                          shift ? Qt::ShiftModifier : Qt::NoModifier);
        QApplication::sendEvent(ruler, &event);
    };
    QTest::mousePress(ruler, Qt::LeftButton, {}, from);
    QVERIFY(feedback->isVisible());
    move(columns.x());
    move(columns.y());
    QCOMPARE(feedback->text(), QString("s%1.%2 · 8 bits").arg(8 - (4 + columns.y()) - 1).arg(4 + columns.y()));
    QTest::mouseRelease(ruler, Qt::LeftButton, {}, from + QPoint(columns.y() * column, 0));
    QVERIFY(!feedback->isVisible());
    QCOMPARE(*document.format(a).fractionalBits, 4 + columns.y());
    QCOMPARE(*document.format(a).totalBits, 8);
    QCOMPARE(*document.format(b).fractionalBits, fractionOfB);
    QCOMPARE(*document.format(b).totalBits, totalOfB);
    QCOMPARE(document.format(c).isFloat(), !shift);
    document.undoStack()->undo(); // one step
    QCOMPARE(*document.format(a).fractionalBits, 4);
    QCOMPARE(*document.format(b).fractionalBits, 7);
}

QTEST_MAIN(TestFields)
#include "tst_fields.moc"
