#include "views/plots/bit_ruler.h"

#include <QSignalSpy>
#include <QTest>

using namespace fxp;
using views::BitRuler;

/// Dragging the word, its point and its ends, and the keys: what format results.
class TestBitRuler : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void drag_data();
    void drag();
    void keys_data();
    void keys();
    void aDragIsOneGesture();
    void floatHasNoWord();
};

namespace {

constexpr int kStep = 30;

std::unique_ptr<BitRuler> ruler() {
    auto widget = std::make_unique<BitRuler>();
    widget->resize(900, 60);
    widget->setAxis(400, kStep);
    widget->setFormat({6, 4, {}, {}});
    widget->show();
    return widget;
}

void dragBy(QWidget* widget, QPoint from, int pixels) {
    QTest::mousePress(widget, Qt::LeftButton, {}, from);
    for (int i = 1; i <= 4; ++i)
        QTest::mouseMove(widget, from + QPoint(pixels * i / 4, 0));
    QTest::mouseRelease(widget, Qt::LeftButton, {}, from + QPoint(pixels, 0));
}

} // namespace

void TestBitRuler::drag_data() {
    QTest::addColumn<QString>("grip");
    QTest::addColumn<int>("columns");
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    QTest::newRow("point right") << "point" << 2 << 6 << 6;
    QTest::newRow("point left") << "point" << -3 << 6 << 1;
    QTest::newRow("word right") << "word" << 1 << 6 << 5;
    QTest::newRow("right end out") << "right" << 2 << 8 << 6;
    QTest::newRow("right end in") << "right" << -2 << 4 << 2;
    QTest::newRow("left end out") << "left" << -2 << 8 << 4;
    QTest::newRow("left end in") << "left" << 2 << 4 << 4;
    QTest::newRow("beside the word") << "nothing" << 3 << 6 << 4;
    QTest::newRow("never under two bits") << "right" << -4 << 2 << 0;
}

void TestBitRuler::drag() {
    QFETCH(QString, grip);
    QFETCH(int, columns);
    QFETCH(int, total);
    QFETCH(int, fraction);
    const auto widget = ruler();
    const QPoint from = grip == "point"   ? widget->pointHandle()
                        : grip == "word"  ? widget->cellCentre(-2)
                        : grip == "right" ? widget->rightHandle()
                        : grip == "left"  ? widget->leftHandle()
                                          : widget->cellCentre(7);
    dragBy(widget.get(), from, columns * kStep);
    QCOMPARE(*widget->format().totalBits, total);
    QCOMPARE(*widget->format().fractionalBits, fraction);
}

void TestBitRuler::keys_data() {
    QTest::addColumn<int>("key");
    QTest::addColumn<int>("modifier");
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    QTest::newRow("right") << int(Qt::Key_Right) << 0 << 6 << 5;
    QTest::newRow("left") << int(Qt::Key_Left) << 0 << 6 << 3;
    QTest::newRow("shift right") << int(Qt::Key_Right) << int(Qt::ShiftModifier) << 7 << 5;
    QTest::newRow("ctrl left") << int(Qt::Key_Left) << int(Qt::ControlModifier) << 7 << 4;
    QTest::newRow("another key") << int(Qt::Key_A) << 0 << 6 << 4;
}

void TestBitRuler::keys() {
    QFETCH(int, key);
    QFETCH(int, modifier);
    QFETCH(int, total);
    QFETCH(int, fraction);
    const auto widget = ruler();
    QTest::keyClick(widget.get(), static_cast<Qt::Key>(key), Qt::KeyboardModifiers(modifier));
    QCOMPARE(*widget->format().totalBits, total);
    QCOMPARE(*widget->format().fractionalBits, fraction);
}

void TestBitRuler::aDragIsOneGesture() {
    const auto widget = ruler();
    QList<int> gestures;
    connect(widget.get(), &BitRuler::edited, this, [&](const quant::QType&, int gesture) { gestures << gesture; });
    dragBy(widget.get(), widget->pointHandle(), 4 * kStep);
    QVERIFY(gestures.size() > 1);
    QCOMPARE(gestures.count(gestures[0]), gestures.size());
    dragBy(widget.get(), widget->pointHandle(), 4 * kStep);
    QVERIFY(gestures.back() != gestures.front());
}

void TestBitRuler::floatHasNoWord() {
    const auto widget = ruler();
    widget->setFormat({});
    QSignalSpy edited(widget.get(), &BitRuler::edited);
    dragBy(widget.get(), {400, 20}, 90);
    QTest::keyClick(widget.get(), Qt::Key_Right);
    QCOMPARE(edited.count(), 0);
}

QTEST_MAIN(TestBitRuler)
#include "tst_bit_ruler.moc"
