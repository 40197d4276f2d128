#include "quant/core/comparison.h"
#include "quant/core/kernels/quantize_kernel.h"
#include "support/compare.h"
#include "support/targets.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace fxp;
using namespace fxp::quant;

using Doubles = QList<double>;

class TestFigures : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void sums_data();
    void sums();
    void randomSums();
    void deviation_data();
    void deviation();
    void signalFarFromZero();
    void comparison_data();
    void comparison();
    void comparisonInParts();
};

namespace {

const double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kTiny = std::numeric_limits<double>::denorm_min();
const double kMost = std::numeric_limits<double>::max();

} // namespace

void TestFigures::sums_data() {
    QTest::addColumn<Doubles>("terms");
    QTest::addColumn<double>("sum");
    const auto row = [](const char* name, const Doubles& terms, double sum) { QTest::newRow(name) << terms << sum; };
    row("none", {}, 0);
    row("one", {-0.1}, -0.1);
    row("what cancels leaves nothing", {1e308, 1, -1e308}, 1);
    row("a bit far below", {0x1p1000, 0x1p-1000, -0x1p1000}, 0x1p-1000);
    row("tie to even, down", {1, 0x1p-53}, 1);
    row("tie to even, up", {1 + 0x1p-52, 0x1p-53}, 1 + 0x1p-51);
    row("a tie and the least bit", {1, 0x1p-53, kTiny}, 1 + 0x1p-52);
    row("a tie less the least bit", {1 + 0x1p-52, 0x1p-53, -kTiny}, 1 + 0x1p-52);
    row("negative tie", {-1, -0x1p-53, -kTiny}, -1 - 0x1p-52);
    row("rounds up to a power of two", {1 - 0x1p-53, 0x1p-54}, 1);
    row("denormals", {kTiny, kTiny, kTiny}, 3 * kTiny);
    row("from denormal to normal", {0x1.fffffffffffffp-1022, kTiny}, 0x1p-1021);
    row("negative denormal", {kTiny, -3 * kTiny}, -2 * kTiny);
    row("beyond and back", {kMost, kMost, -kMost}, kMost);
    row("beyond", {kMost, kMost}, kInf);
    row("beyond, negative", {-kMost, -kMost}, -kInf);
    row("rounds beyond", {kMost, 0x1p970}, kInf);
    row("infinity stays", {1, kInf, -5}, kInf);
    row("infinities that cancel", {kInf, 3, -kInf}, kNan);
    row("NaN stays", {1, kNan, kInf}, kNan);
    row("crosses zero", {0x1p-60, -0x1p-59, 0x1p-60, -0x1p-300}, -0x1p-300);
    row("limbs' borders", {0x1p-1010, 0x1p-946, -0x1p-946}, 0x1p-1010);
}

/// In each order, in parts and through copies.
void TestFigures::sums() {
    QFETCH(Doubles, terms);
    QFETCH(double, sum);
    std::sort(terms.begin(), terms.end(),
              [](double a, double b) { return a < b || (!std::isnan(a) && std::isnan(b)); });
    ExactAccumulator first;
    for (const double term : terms)
        first.add(term);
    for (int order = 0; order < 30; ++order) {
        std::rotate(terms.begin(), terms.begin() + (terms.empty() ? 0 : 1), terms.end());
        if (order % 3 == 0)
            std::reverse(terms.begin(), terms.end());
        ExactAccumulator all, half, other;
        for (qsizetype i = 0; i < terms.size(); ++i) {
            all.add(terms[i]);
            (i % 2 ? half : other).add(terms[i]);
        }
        half.add(other);
        QVERIFY(test::same(all.value(), sum));
        QVERIFY(all == half);
        QVERIFY(all == first);
    }
}

/// Against 128-bit integers, which hold these sums whole and are rounded by the compiler's own conversion.
void TestFigures::randomSums() {
    std::mt19937_64 random(8);
    for (int trial = 0; trial < 200; ++trial) {
        ExactAccumulator sum, part;
        __int128 integer = 0;
        const int terms = 1 + static_cast<int>(random() % 40), spread = 1 + static_cast<int>(random() % 60);
        const int unit = -static_cast<int>(random() % 900);
        for (int i = 0; i < terms; ++i) {
            const std::int64_t mantissa = static_cast<std::int64_t>(random() >> 11) * (random() % 2 ? 1 : -1);
            const int shift = static_cast<int>(random() % static_cast<unsigned>(spread));
            integer += static_cast<__int128>(mantissa) << shift;
            (i % 3 ? sum : part).add(std::ldexp(static_cast<double>(mantissa), shift + unit));
        }
        sum.add(part);
        QVERIFY(sum.value() == std::ldexp(static_cast<double>(integer), unit));
        ExactAccumulator other = sum;
        other.add(kTiny);
        QVERIFY(!(other == sum));
    }
}

void TestFigures::deviation_data() {
    QTest::addColumn<double>("mean");
    QTest::addColumn<double>("step"); ///< values: mean, mean + step, mean + 2 step, …
    QTest::newRow("around zero") << -1.0 << 1.0;
    QTest::newRow("far from zero") << 1e6 << 1.0 / 16;
    QTest::newRow("far below zero") << -1e6 << 1.0 / 16;
    QTest::newRow("one ulp") << 8388608.0 << 1.0;
    QTest::newRow("constant") << 12345.678 << 0.0;
    QTest::newRow("a tenth") << 1000.0 << 0.1;
    QTest::newRow("small") << 1e-6 << 1e-12;
    QTest::newRow("large") << -1e30 << 1e24;
}

void TestFigures::deviation() {
    QFETCH(double, mean);
    QFETCH(double, step);
    std::vector<float> x;
    for (int i = 0; i < 3000; ++i)
        x.push_back(static_cast<float>(mean + i % 3 * step));
    long double expectedMean = 0, variance = 0;
    for (const float value : x)
        expectedMean += static_cast<long double>(value) / static_cast<long double>(x.size());
    for (const float value : x)
        variance += (value - expectedMean) * (value - expectedMean) / static_cast<long double>(x.size());
    const auto expected = static_cast<double>(std::sqrt(variance));
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    QuantizeJob job;
    job.x = x.data();
    job.count = 3000;
    job.range = LinearRange::around({*low, *high});
    job.perSample = 30;
    for (const std::int64_t target : test::targets()) {
        const test::TargetScope scope(target);
        const Figures figures = quantizeWithFigures(job);
        QVERIFY(std::abs(figures.mean() - static_cast<double>(expectedMean)) <= 1e-15 * std::abs(mean));
        QVERIFY2(std::abs(figures.deviation() - expected) <= 1e-8 * expected + 1e-16 * std::abs(mean),
                 qPrintable(QString("%1 for %2").arg(figures.deviation()).arg(expected)));
    }
}

void TestFigures::signalFarFromZero() {
    std::vector<float> x;
    long double squares = 0, noise = 0;
    for (int i = 0; i < 5000; ++i) {
        x.push_back(static_cast<float>(1000 + i % 7 * 0.01));
        squares += static_cast<long double>(x.back()) * x.back();
        const long double error = std::rint(static_cast<long double>(x.back()) * 4) / 4 - x.back();
        noise += error * error;
    }
    QuantizeJob job;
    job.x = x.data();
    job.count = 5000;
    job.type = {20, 2};
    job.range = LinearRange::around({1000, 1000.06});
    QVERIFY(job.range.shift() != 0);
    const Figures figures = quantizeWithFigures(job);
    QVERIFY(std::abs(figures.sumSquares - static_cast<double>(squares)) <= 1e-13 * static_cast<double>(squares));
    QVERIFY(std::abs(figures.sqnr() - static_cast<double>(10 * std::log10(squares / noise))) < 1e-10);
    QVERIFY(squaredError(job).sqnr() == figures.sqnr());
}

void TestFigures::comparison_data() {
    QTest::addColumn<Doubles>("reference");
    QTest::addColumn<Doubles>("value");
    QTest::addColumn<double>("mse");
    QTest::addColumn<double>("sqnr");
    QTest::addColumn<double>("maxError");
    QTest::addColumn<int>("nan");
    const auto row = [](const char* name, const Doubles& r, const Doubles& v, double mse, double sqnr, double most,
                        int nan) { QTest::newRow(name) << r << v << mse << sqnr << most << nan; };
    row("nothing", {}, {}, 0, kInf, 0, 0);
    row("equal", {1, -2}, {1, -2}, 0, kInf, 0, 0);
    row("errors", {3, 1, 0}, {3, 0, -2}, 5.0 / 3, 10 * std::log10(2.0), 2, 0);
    row("no signal", {0, 0}, {1, 0}, 0.5, -kInf, 1, 0);
    row("NaN came", {1, 2, 3}, {1, kNan, 2}, kNan, kNan, kNan, 1);
    row("NaN was there", {1, kNan, 3}, {1, 2, 2}, kNan, kNan, kNan, 1);
    row("NaN in both", {1, kNan}, {1, kNan}, kNan, kNan, kNan, 1);
    row("infinity came", {1, 2}, {1, -kInf}, kInf, -kInf, kInf, 0);
    row("infinity went", {1, kInf}, {1, 2}, kInf, kNan, kInf, 0);
    row("infinity turned", {1, kInf}, {1, -kInf}, kInf, kNan, kInf, 0);
    row("the same infinity", {2, -kInf, kInf, 1}, {2, -kInf, kInf, 2}, 0.25, 10 * std::log10(5.0), 1, 0);
    row("NaN before an infinity", {1, 2, 3}, {kNan, kInf, 2}, kNan, kNan, kNan, 1);
    row("NaN behind an infinity", {1, 2, 3}, {kInf, 2, kNan}, kNan, kNan, kNan, 1);
}

void TestFigures::comparison() {
    QFETCH(Doubles, reference);
    QFETCH(Doubles, value);
    QFETCH(double, mse);
    QFETCH(double, sqnr);
    QFETCH(double, maxError);
    QFETCH(int, nan);
    const std::vector<float> r(reference.begin(), reference.end()), v(value.begin(), value.end());
    Comparison whole, parts;
    whole.add(r.data(), v.data(), static_cast<std::int64_t>(r.size()));
    for (std::size_t i = 0; i < r.size(); ++i) {
        Comparison one;
        one.add(&r[i], &v[i], 1);
        parts.add(one);
    }
    for (const Comparison& result : {whole, parts}) {
        QVERIFY(test::same(result.mse(), mse));
        QVERIFY(test::same(result.sqnr(), sqnr) || std::abs(result.sqnr() - sqnr) < 1e-12);
        QVERIFY(test::same(result.maxError, maxError));
        QCOMPARE(result.nan, nan);
        QCOMPARE(result.count, static_cast<std::int64_t>(r.size()));
    }
}

void TestFigures::comparisonInParts() {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (const std::int64_t perSample : {3, 1000, 20'001}) {
        std::vector<float> r(static_cast<std::size_t>(perSample) * 6), v(r.size());
        long double noise = 0;
        for (std::size_t i = 0; i < r.size(); ++i) {
            r[i] = normal(random);
            v[i] = r[i] + 0.01f * normal(random);
            const long double error = static_cast<long double>(v[i]) - r[i];
            noise += error * error;
        }
        Comparison whole;
        whole.add(r.data(), v.data(), perSample * 6, perSample);
        QVERIFY(std::abs(whole.noise - static_cast<double>(noise)) < 1e-13 * static_cast<double>(noise));
        for (const std::int64_t cut : {1, 2, 5}) {
            Comparison parts;
            parts.add(r.data(), v.data(), cut * perSample, perSample);
            parts.add(r.data() + cut * perSample, v.data() + cut * perSample, (6 - cut) * perSample, perSample);
            QVERIFY(parts.signal == whole.signal && parts.noise == whole.noise);
            QVERIFY(parts.maxError == whole.maxError);
        }
    }
}

QTEST_GUILESS_MAIN(TestFigures)
#include "tst_figures.moc"
