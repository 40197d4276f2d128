#include "support/context_menu.h"
#include "support/golden.h"
#include "support/opened_document.h"
#include "views/inspector/sqnr_table.h"

#include <QClipboard>
#include <QTest>

using namespace fxp;
using views::SqnrTable;

/// The table of SQNR by format, by keys and by its menu.
class TestSqnrTable : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void init();
    void cleanup() { m_table.reset(); }
    void arrowsAndEnter_data();
    void arrowsAndEnter();
    void cursorIsSeen();
    void menuTakes_data();
    void menuTakes();
    void copiedAsText();

  private:
    const quant::QType& format() const { return m_document->format(m_slot); }
    /// Waits for the figures; the cell of the format that is chosen stands in the middle column.
    bool ready() const {
        return QTest::qWaitFor([&] { return !m_table->cellOf(*format().totalBits, format().integerBits()).isEmpty(); });
    }

    std::unique_ptr<model::Document> m_document;
    std::unique_ptr<views::Selection> m_selection;
    std::unique_ptr<SqnrTable> m_table;
    int m_slot = -1;
};

void TestSqnrTable::init() {
    m_document = std::make_unique<model::Document>();
    m_selection = std::make_unique<views::Selection>();
    QVERIFY(test::openAndRun(*m_document, QString::fromStdString(test::modelFolder()) + "/digits_cnn", "traced.pt"));
    m_slot = m_document->slotOf("pw.activation");
    m_document->setFormats({{m_slot, {8, 5, {}, {}}}}, "eight bits");
    QVERIFY(test::settled(*m_document));
    m_table = std::make_unique<SqnrTable>(*m_document, *m_selection);
    m_selection->select(m_slot);
    m_table->resize(340, 200);
    m_table->show();
    QVERIFY(QTest::qWaitForWindowActive(m_table.get()));
    m_table->setFocus(Qt::TabFocusReason);
    QVERIFY(ready());
}

void TestSqnrTable::arrowsAndEnter_data() {
    QTest::addColumn<QList<int>>("keys");
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("integer");
    // Rows are 4, 6, 8, 10, 12 bits; columns are 5, 4, 3, 2, 1 integer bits.
    QTest::newRow("where it is") << QList<int>{} << 8 << 3;
    QTest::newRow("right") << QList<int>{Qt::Key_Right} << 8 << 2;
    QTest::newRow("up, left") << QList<int>{Qt::Key_Up, Qt::Key_Left} << 6 << 4;
    QTest::newRow("down past the end") << QList<int>(9, Qt::Key_Down) << 12 << 3;
    QTest::newRow("home, page up") << QList<int>{Qt::Key_Home, Qt::Key_PageUp} << 4 << 5;
    QTest::newRow("end, page down") << QList<int>{Qt::Key_End, Qt::Key_PageDown} << 12 << 1;
}

void TestSqnrTable::arrowsAndEnter() {
    QFETCH(QList<int>, keys);
    QFETCH(int, total);
    QFETCH(int, integer);
    const quant::QType before = format();
    for (const int key : keys)
        QTest::keyClick(m_table.get(), static_cast<Qt::Key>(key));
    QCOMPARE(format(), before); // looking takes nothing
    QTest::keyClick(m_table.get(), Qt::Key_Return);
    QCOMPARE(*format().totalBits, total);
    QCOMPARE(format().integerBits(), integer);
}

void TestSqnrTable::cursorIsSeen() {
    const auto picture = [&] { return m_table->grab().toImage(); };
    const QImage before = picture();
    QTest::keyClick(m_table.get(), Qt::Key_Left);
    const QImage after = picture();
    const QRect from = m_table->cellOf(8, 3), to = m_table->cellOf(8, 4), other = m_table->cellOf(12, 1);
    QVERIFY(before.copy(from) != after.copy(from));
    QVERIFY(before.copy(to) != after.copy(to));
    QVERIFY(before.copy(other) == after.copy(other));
}

void TestSqnrTable::menuTakes_data() {
    QTest::addColumn<bool>("byKey");
    QTest::newRow("pointer") << false;
    QTest::newRow("key") << true;
}

void TestSqnrTable::menuTakes() {
    QFETCH(bool, byKey);
    if (byKey)
        QTest::keyClick(m_table.get(), Qt::Key_Up);
    QMenu* menu = byKey ? test::contextMenu(m_table.get(), QContextMenuEvent::Keyboard, QPoint(1, 1))
                        : test::contextMenu(m_table.get(), QContextMenuEvent::Mouse, m_table->cellOf(6, 3).center());
    QVERIFY(menu && test::entry(menu, "Paste format") && test::entry(menu, "Reset to float"));
    QVERIFY(test::choose(menu, "Take 6 bits, 3 integer"));
    QCOMPARE(format(), (quant::QType{6, 3, {}, {}}));
}

void TestSqnrTable::copiedAsText() {
    QStringList lines;
    QVERIFY(QTest::qWaitFor([&] { // once the figures are there
        QTest::keyClick(m_table.get(), Qt::Key_C, Qt::ControlModifier);
        lines = QGuiApplication::clipboard()->text().split('\n');
        return lines.size() == 6;
    }));
    QCOMPARE(lines[0], QString("bits\tI 5\tI 4\tI 3\tI 2\tI 1"));
    const QStringList cells = lines[3].split('\t');
    QCOMPARE(cells.size(), 6);
    QCOMPARE(cells[0], QString("8"));
    // The cell of the format in use has its own figure.
    const double own = m_document->slotResult(m_slot)->localFigures.sqnr();
    QVERIFY2(std::abs(cells[3].toDouble() - own) < 0.5, qPrintable(cells[3] + " " + QString::number(own)));
}

QTEST_MAIN(TestSqnrTable)
#include "tst_sqnr_table.moc"
