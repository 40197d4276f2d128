#include "support/golden.h"
#include "support/opened_document.h"
#include "views/plots/values_plot.h"

#include <QTest>

#include <cmath>

using namespace fxp;

/// The fixed values' bars and the two lines.
class TestValuesPlot : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase() { m_document.reset(); }
    void barsHaveNoHoleOfTheirOwn_data();
    void barsHaveNoHoleOfTheirOwn();
    void theLineIsTheFloatModels();

  private:
    struct Row {
        double low, high;
        std::int64_t real, before, fixed;
    };
    static std::vector<Row> rows(const views::ValuesPlot& plot);
    void take(int slot, const quant::QType& format);

    std::unique_ptr<model::Document> m_document;
    views::Selection m_selection;
};

void TestValuesPlot::initTestCase() {
    m_document = std::make_unique<model::Document>();
    QVERIFY(test::openAndRun(*m_document, QString::fromStdString(test::modelFolder()) + "/digits_transformer",
                             "traced.pt"));
}

void TestValuesPlot::take(int slot, const quant::QType& format) {
    m_document->setFormats({{slot, format}}, "format");
    QVERIFY(test::settled(*m_document));
}

std::vector<TestValuesPlot::Row> TestValuesPlot::rows(const views::ValuesPlot& plot) {
    std::vector<Row> result;
    for (const QString& line : plot.csv().split('\n', Qt::SkipEmptyParts).mid(1)) {
        const QStringList parts = line.split(',');
        result.push_back({parts[0].toDouble(), parts[1].toDouble(), parts[2].toLongLong(), parts[3].toLongLong(),
                          parts[4].toLongLong()});
    }
    return result;
}

void TestValuesPlot::barsHaveNoHoleOfTheirOwn_data() {
    QTest::addColumn<int>("finer"); // steps of the grid are 2^−finer bins
    for (const int finer : {-3, -1, 0, 1, 2, 3})
        QTest::addRow("%d", finer) << finer;
}

/// Every step of the grid between the outermost bars is under one bar, and the bars beside zero, where the values of
/// this tensor are densest, are as high as what they stand for.
void TestValuesPlot::barsHaveNoHoleOfTheirOwn() {
    QFETCH(int, finer);
    const int slot = m_document->slotOf("encoder.layers.1.linear1.weight");
    m_selection.select(slot);
    views::ValuesPlot plot(*m_document, m_selection);
    const double width = m_document->slotResult(slot)->figures.linearRange.binWidth();
    const int fraction = finer - std::ilogb(width);
    take(slot, {16, fraction, {}, {}});
    const double step = std::ldexp(1.0, -fraction);
    std::int64_t count = 0;
    double tallest = 0, atZero = 0, left = 0, right = 0;
    for (std::size_t i = 0; i < plot.bars().size(); ++i) {
        const auto& bar = plot.bars()[i];
        const double steps = (bar.high - bar.low) / step;
        QVERIFY(steps > 0.5 && steps == std::nearbyint(steps));
        QCOMPARE(std::fmod(bar.low / step + 0.5, 1.0), 0.0); // half a step beside a value of the grid
        QCOMPARE(bar.height * (bar.high - bar.low), static_cast<double>(bar.count) * width);
        if (i > 0)
            QVERIFY(plot.bars()[i - 1].high <= bar.low);
        count += bar.count;
        tallest = std::max(tallest, bar.height);
        if (bar.low < 0 && bar.high > 0)
            atZero = bar.height;
        if (bar.high < 0 || (bar.low < 0 && bar.high <= step / 2))
            left = bar.height;
        if (right == 0 && bar.low > 0)
            right = bar.height;
        if (i > 0 && std::abs(bar.low) < 4 * std::max(width, step))
            QCOMPARE(plot.bars()[i - 1].high, bar.low); // contiguous around zero
    }
    QCOMPARE(count, m_document->slotResult(slot)->figures.count);
    QVERIFY(atZero > 0.6 * tallest && left > 0.6 * tallest && right > 0.6 * tallest);
}

void TestValuesPlot::theLineIsTheFloatModels() {
    const int early = m_document->slotOf("stem.0.activation"),
              late = m_document->slotOf("encoder.layers.1.linear1.input");
    take(early, {});
    take(late, {});
    m_selection.select(late);
    const views::ValuesPlot plot(*m_document, m_selection);
    const auto asFloat = rows(plot);
    for (const Row& row : asFloat)
        QVERIFY(row.real == row.before && row.before == row.fixed);
    take(early, {3, 1, {}, {}}); // coarse: what comes later is no longer what it was
    const auto after = rows(plot);
    bool moved = false;
    for (std::size_t i = 0; i < after.size(); ++i) {
        QCOMPARE(after[i].real, asFloat[i].real);
        moved = moved || after[i].before != asFloat[i].before;
    }
    QVERIFY(moved);
}

QTEST_MAIN(TestValuesPlot)
#include "tst_values_plot.moc"
