#include "quant/core/error.h"
#include "support/golden.h"
#include "support/opened_document.h"
#include "views/inspector/sqnr_table.h"
#include "views/plots/bit_plot.h"
#include "views/plots/bit_ruler.h"
#include "views/plots/network_plot.h"
#include "views/plots/values_plot.h"
#include "views/power_text.h"

#include <QApplication>
#include <QClipboard>
#include <QFile>
#include <QImageReader>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

using namespace fxp;

/// Plots over a real run: their numbers, their exports, and what a click or a drag does to the document.
class TestPlots : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void csvHoldsTheRun();
    void exports_data();
    void exports();
    void clickOnTheNetworkSelects();
    void dragMovesTheDocument();
    void tableClickTakesAFormat();
    void emptyStatesSpeak();
    void axesHaveTrueMinusSigns();
    void ticks_data();
    void ticks();

  private:
    std::unique_ptr<model::Document> m_document;
    views::Selection m_selection;
    QTemporaryDir m_files;
};

void TestPlots::initTestCase() {
    m_document = std::make_unique<model::Document>();
    QVERIFY(test::openAndRun(*m_document, QString::fromStdString(test::modelFolder()) + "/digits_transformer",
                             "traced.pt"));
    m_document->calibrate({}, {});
    QTRY_COMPARE_WITH_TIMEOUT(m_document->undoStack()->count(), 1, 30'000);
    QVERIFY(test::settled(*m_document));
    m_selection.select(m_document->slotOf("encoder.layers.1.linear1.activation"));
}

void TestPlots::cleanupTestCase() {
    m_document.reset();
}

void TestPlots::csvHoldsTheRun() {
    views::BitPlot bits(*m_document, m_selection);
    views::ValuesPlot values(*m_document, m_selection);
    views::NetworkPlot network(*m_document, m_selection);
    std::int64_t count = 0;
    for (const QString& line : bits.csv().split('\n', Qt::SkipEmptyParts).mid(1))
        count += line.section(',', 1, 1).toLongLong() + line.section(',', 2, 2).toLongLong();
    const auto& figures = m_document->slotResult(m_selection.current())->figures;
    QCOMPARE(count, figures.count - figures.zero);
    QCOMPARE(values.csv().count('\n'), quant::kLinearBins + 1);
    QVERIFY(network.csv().contains("encoder.layers.1.linear1.activation,"));
}

void TestPlots::exports_data() {
    QTest::addColumn<QString>("ending");
    QTest::addColumn<QByteArray>("begins");
    QTest::newRow("png") << "png" << QByteArray("\x89PNG");
    QTest::newRow("svg") << "svg" << QByteArray("<?xml");
    QTest::newRow("pdf") << "pdf" << QByteArray("%PDF");
    QTest::newRow("csv") << "csv" << QByteArray("exponent,");
}

void TestPlots::exports() {
    QFETCH(QString, ending);
    QFETCH(QByteArray, begins);
    views::BitPlot plot(*m_document, m_selection);
    plot.resize(600, 300);
    plot.show();
    const QString file = m_files.filePath("plot." + ending);
    plot.exportTo(file);
    QFile in(file);
    QVERIFY(in.open(QIODevice::ReadOnly));
    QVERIFY(in.readAll().startsWith(begins));
    QVERIFY_THROWS_EXCEPTION(Error, plot.exportTo(m_files.filePath("plot.xyz")));
    QVERIFY_THROWS_EXCEPTION(Error, plot.exportTo("/no/such/folder/plot." + ending));
    plot.setLogarithmic(true);
    plot.setLogarithmic(false);
}

void TestPlots::clickOnTheNetworkSelects() {
    views::NetworkPlot plot(*m_document, m_selection);
    plot.resize(800, 140);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    QWidget* canvas = plot.childAt(plot.rect().center());
    QVERIFY(canvas);
    const int before = m_selection.current();
    QTest::qWait(50); // a queued repaint lays the axes out
    QTest::mouseClick(canvas, Qt::LeftButton, {}, QPoint(canvas->width() / 4, canvas->height() / 2));
    QVERIFY(m_selection.current() != before);
    m_selection.select(before);
}

void TestPlots::dragMovesTheDocument() {
    views::BitPlot plot(*m_document, m_selection);
    plot.resize(900, 400);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    views::BitRuler* ruler = plot.ruler();
    QTRY_VERIFY(ruler->width() > 500);
    const quant::QType before = m_document->format(m_selection.current());
    const QPoint from = ruler->pointHandle();
    const int column = ruler->cellCentre(0).x() - ruler->cellCentre(1).x();
    QVERIFY(column > 8);
    const int steps = m_document->undoStack()->count();
    QTest::mousePress(ruler, Qt::LeftButton, {}, from);
    for (int i = 1; i <= 2; ++i)
        QTest::mouseMove(ruler, from + QPoint(i * column, 0));
    QTest::mouseRelease(ruler, Qt::LeftButton, {}, from + QPoint(2 * column, 0));
    QCOMPARE(*m_document->format(m_selection.current()).fractionalBits, *before.fractionalBits + 2);
    QCOMPARE(m_document->undoStack()->count(), steps + 1);
    QVERIFY(test::settled(*m_document));
    QVERIFY(m_document->slotResult(m_selection.current())->figures.overflow() > 0);
    m_document->undoStack()->undo();
    QVERIFY(m_document->format(m_selection.current()) == before);
    QVERIFY(test::settled(*m_document));
}

void TestPlots::tableClickTakesAFormat() {
    views::SqnrTable table(*m_document, m_selection);
    table.resize(340, 180);
    table.show();
    const int slot = m_selection.current();
    const quant::QType before = m_document->format(slot);
    m_selection.set({}, -1);
    m_selection.select(slot);
    const int total = *before.totalBits + 2, integer = before.integerBits() + 1;
    QTRY_VERIFY(!table.cellOf(total, integer).isNull());
    QTest::mouseClick(&table, Qt::LeftButton, {}, table.cellOf(total, integer).center());
    QCOMPARE(*m_document->format(slot).totalBits, total);
    QCOMPARE(m_document->format(slot).integerBits(), integer);
    m_document->undoStack()->undo();
    QVERIFY(test::settled(*m_document));
}

void TestPlots::emptyStatesSpeak() {
    model::Document nothing;
    views::Selection none;
    views::BitPlot plot(nothing, none);
    QVERIFY(plot.csv().startsWith("exponent"));
    plot.resize(300, 200);
    plot.show();
    plot.copy();
    QVERIFY(QApplication::clipboard()->text().startsWith("exponent"));
}

/// The numbers beside the axes, as the picture has them.
void TestPlots::axesHaveTrueMinusSigns() {
    views::ValuesPlot values(*m_document, m_selection);
    values.resize(700, 300);
    values.show();
    const QString name = m_files.filePath("axes.svg");
    values.exportTo(name);
    QFile file(name);
    QVERIFY(file.open(QIODevice::ReadOnly));
    static const QRegularExpression kText(R"(<text[^>]*>\s*([^<]*?)\s*</text>)");
    int negative = 0;
    auto found = kText.globalMatch(QString::fromUtf8(file.readAll()));
    QVERIFY(found.hasNext());
    while (found.hasNext()) {
        const QString text = found.next().captured(1);
        QVERIFY2(!text.contains('-'), qPrintable(text));
        negative += text.startsWith(QChar(0x2212));
    }
    QVERIFY(negative > 0);
}

void TestPlots::ticks_data() {
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("zero") << 0.0 << "0";
    QTest::newRow("negative") << -0.25 << "−0.25";
    QTest::newRow("a power of ten") << 1e-7 << "10⁻⁷";
    QTest::newRow("its negative") << -1e9 << "−10⁹";
    QTest::newRow("small") << -2.5e-12 << "−2.5·10⁻¹²";
}

void TestPlots::ticks() {
    QFETCH(double, value);
    QTEST(views::tickText(value, 6), "text");
}

QTEST_MAIN(TestPlots)
#include "tst_plots.moc"
