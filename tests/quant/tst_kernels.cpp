#include "quant/core/kernels/quantize_kernel.h"

#include <ATen/Parallel.h>

#include <QTest>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace fxp::quant;

class TestKernels : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void fastEqualsReference_data();
    void fastEqualsReference();
    void threadsChangeNothing();
    void partsAddUp();
};

namespace {

/// Random values of many magnitudes with ties, limits and, where asked for, NaN, Inf and denormals among them.
std::vector<float> values(std::size_t count, bool special, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 2);
    std::vector<float> result(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto pick = random() % 8;
        result[i] = pick == 0   ? std::round(normal(random) * 16) / 16
                    : pick == 1 ? std::ldexp(normal(random), static_cast<int>(random() % 40) - 30)
                    : pick == 2 ? 0.0f * normal(random)
                                : normal(random);
    }
    const float infinity = std::numeric_limits<float>::infinity();
    const float specials[] = {std::nanf(""), infinity, -infinity, 1e-42f, -1e-42f, 3.4e38f, -3.4e38f};
    for (std::size_t i = 0; special && i < count; i += 1 + random() % 97)
        result[i] = specials[random() % std::size(specials)];
    return result;
}

bool near(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b)) ||
           std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b)) + 1e-12;
}

} // namespace

void TestKernels::fastEqualsReference_data() {
    QTest::addColumn<QType>("type");
    QTest::newRow("float") << QType{};
    for (const Rounding rounding : kRoundings) {
        for (const Overflow overflow : kOverflows) {
            for (const auto& [total, fraction] :
                 {std::pair{8, 5}, {2, 0}, {16, 20}, {6, -2}, {24, 12}, {32, 20}, {64, 40}}) {
                const QType type{total, fraction, rounding, overflow};
                QTest::addRow("%s T=%d F=%d", methodName(type).c_str(), total, fraction) << type;
            }
        }
    }
}

void TestKernels::fastEqualsReference() {
    QFETCH(QType, type);
    for (const std::size_t count : {0u, 1u, 7u, 64u, 1001u, 16'384u, 40'003u}) {
        for (const bool special : {false, true}) {
            const std::vector<float> x = values(count, special, static_cast<unsigned>(count) + 1);
            const std::vector<float> reference = values(count, special, static_cast<unsigned>(count) + 2);
            std::vector<float> slow(count), fast(count), alone(count);
            QuantizeJob job;
            job.x = x.data();
            job.reference = reference.data();
            job.y = slow.data();
            job.count = static_cast<std::int64_t>(count);
            job.type = type;
            job.seed = 11;
            // Far from zero, too, where elements are counted one by one.
            job.range = count == 64 ? LinearRange::around({9.5, 10}) : LinearRange::around({-3, count % 2 ? 4.0 : 3.0});
            const Figures a = quantizeReference(job);
            job.y = fast.data();
            const Figures b = quantizeWithFigures(job);
            job.y = alone.data();
            quantizeValues(job);
            for (std::size_t i = 0; i < count; ++i) {
                const auto bits = [](float v) { return std::isnan(v) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(v); };
                QCOMPARE(bits(fast[i]), bits(slow[i]));
                QCOMPARE(bits(alone[i]), bits(slow[i]));
            }
            QCOMPARE(b.count, a.count);
            QCOMPARE(b.nan, a.nan);
            QCOMPARE(b.inf, a.inf);
            QCOMPARE(b.zero, a.zero);
            QCOMPARE(b.overflowLow, a.overflowLow);
            QCOMPARE(b.overflowHigh, a.overflowHigh);
            QCOMPARE(b.underflow, a.underflow);
            QCOMPARE(b.min, a.min);
            QCOMPARE(b.max, a.max);
            QCOMPARE(b.maxError, a.maxError);
            QCOMPARE(b.maxErrorIndex, a.maxErrorIndex);
            QVERIFY(b.before.linear == a.before.linear);
            QVERIFY(b.before.log2 == a.before.log2);
            QVERIFY(b.after.linear == a.after.linear);
            QVERIFY(b.after.log2 == a.after.log2);
            QVERIFY(near(b.sum, a.sum) ||
                    std::abs(b.sum - a.sum) < 1e-9 * std::sqrt(a.sumSquares * static_cast<double>(count)));
            QVERIFY(near(b.sumSquares, a.sumSquares));
            QVERIFY(near(b.sumSquaredError, a.sumSquaredError));
            QVERIFY(near(b.referenceSquares, a.referenceSquares));
            QVERIFY(near(b.referenceSquaredError, a.referenceSquaredError));
            QVERIFY(near(b.sumOutward, a.sumOutward) ||
                    std::abs(b.sumOutward - a.sumOutward) <
                        1e-9 * std::sqrt(a.sumSquaredError * static_cast<double>(count)));
        }
    }
}

void TestKernels::threadsChangeNothing() {
    const std::vector<float> x = values(1'000'003, false, 3);
    QuantizeJob job;
    job.x = x.data();
    job.count = static_cast<std::int64_t>(x.size());
    job.type = {7, 4, Rounding::Stochastic, Overflow::Saturate};
    for (const Rounding rounding : {Rounding::Stochastic, Rounding::Round}) {
        job.type.rounding = rounding;
        at::set_num_threads(1);
        const Figures one = quantizeWithFigures(job);
        at::set_num_threads(2);
        const Figures two = quantizeWithFigures(job);
        QCOMPARE(two.sum, one.sum);
        QCOMPARE(two.sumSquaredError, one.sumSquaredError);
        QCOMPARE(two.overflowHigh, one.overflowHigh);
        QCOMPARE(two.maxErrorIndex, one.maxErrorIndex);
    }
}

void TestKernels::partsAddUp() {
    const std::vector<float> x = values(50'000, true, 9);
    QuantizeJob job;
    job.x = x.data();
    job.count = 50'000;
    job.type = {8, 6, Rounding::Round, Overflow::Saturate};
    job.range = LinearRange::around({-4, 4});
    const Figures whole = quantizeWithFigures(job);
    Figures parts;
    for (const std::int64_t begin : {0, 12'345}) {
        QuantizeJob part = job;
        part.x = x.data() + begin;
        part.count = begin == 0 ? 12'345 : 50'000 - 12'345;
        parts.add(quantizeWithFigures(part));
    }
    QCOMPARE(parts.count, whole.count);
    QCOMPARE(parts.overflow(), whole.overflow());
    QCOMPARE(parts.maxErrorIndex, whole.maxErrorIndex);
    QVERIFY(parts.before.linear == whole.before.linear);
    QVERIFY(near(parts.sqnr(), whole.sqnr()));
}

QTEST_GUILESS_MAIN(TestKernels)
#include "tst_kernels.moc"
