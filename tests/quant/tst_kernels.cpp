#include "quant/core/kernels/quantize_kernel.h"
#include "quant/core/rounding.h"
#include "support/compare.h"
#include "support/kernel_jobs.h"
#include "support/targets.h"

#include <QTest>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace fxp;
using namespace fxp::quant;
using test::jobOf;
using test::kInfinity;
using test::kNan;
using test::sameBits;
using test::values;

/// Every test runs on every instruction set of the machine.
class TestKernels : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void targetsAreChosen();
    void fastEqualsReference_data();
    void fastEqualsReference();
    void ties_data();
    void ties();
    void smallestValues_data();
    void smallestValues();
    void productsAreRounded();
    void inPlace();
    void greatestError_data();
    void greatestError();
};

namespace {

/// `v` · 2^kUnit is an integer for every v here.
constexpr int kUnit = 26;

/// The integer that n / 2^kUnit rounds to: in integers alone.
std::int64_t roundedInteger(std::int64_t n, Rounding rounding) {
    constexpr std::int64_t one = std::int64_t{1} << kUnit, half = one / 2;
    const std::int64_t down = n >> kUnit, rest = n - down * one;
    switch (rounding) {
    case Rounding::Round: return rest == half ? down + (down & 1) : down + (rest > half);
    case Rounding::Trunc: return n / one;
    case Rounding::Floor: return down;
    case Rounding::Ceil: return down + (rest > 0);
    case Rounding::RoundHalfUp: return (n + half) >> kUnit;
    case Rounding::RoundHalfDown: return -((half - n) >> kUnit);
    case Rounding::RoundHalfAway: return n < 0 ? -((half - n) >> kUnit) : (n + half) >> kUnit;
    case Rounding::RoundHalfZero: return n < 0 ? (n + half) >> kUnit : -((half - n) >> kUnit);
    case Rounding::Stochastic: break;
    }
    return down;
}

std::int64_t bounded(std::int64_t integer, int totalBits, Overflow overflow) {
    const std::int64_t modulus = std::int64_t{1} << totalBits, high = modulus / 2 - 1;
    const std::int64_t low = overflow == Overflow::SaturateSymmetric ? -high : -high - 1;
    if (integer >= low && integer <= high)
        return integer;
    if (overflow == Overflow::SaturateZero)
        return 0;
    if (overflow == Overflow::Wrap)
        return ((integer + modulus / 2) & (modulus - 1)) - modulus / 2;
    return integer < low ? low : high;
}

} // namespace

void TestKernels::targetsAreChosen() {
    QVERIFY(!test::targets().empty());
    for (const std::int64_t target : test::targets()) {
        const test::TargetScope scope(target);
        QCOMPARE(hwy::SupportedTargets() & HWY_TARGETS, target);
    }
#if HWY_ARCH_X86
    QVERIFY(test::targets().size() >= 2); // SSE2 and whatever comes with a machine of this century
#endif
}

void TestKernels::fastEqualsReference_data() {
    QTest::addColumn<QType>("type");
    QTest::newRow("float") << QType{};
    for (const Rounding rounding : kRoundings) {
        for (const Overflow overflow : kOverflows) {
            for (const auto& [total, fraction] :
                 {std::pair{8, 5}, {2, 0}, {16, 20}, {6, -2}, {24, 12}, {32, 20}, {64, 40}, {32, -100}}) {
                const QType type{total, fraction, rounding, overflow};
                QTest::addRow("%s T=%d F=%d", methodName(type).c_str(), total, fraction) << type;
            }
            const QType one{8, {}, rounding, overflow, Affine{{0.037}, {-3}}};
            QTest::addRow("%s with a scale", methodName(one).c_str()) << one;
            const QType channels{6, {}, rounding, overflow, Affine{{0.5, 0.013, 3e-5}, {0, 7, -30}, 1}};
            QTest::addRow("%s with a scale per channel", methodName(channels).c_str()) << channels;
        }
    }
}

void TestKernels::fastEqualsReference() {
    QFETCH(QType, type);
    const test::ThreadScope threads(1);
    for (const std::size_t count : {0u, 1u, 7u, 64u, 1001u, 33'003u}) {
        for (const bool special : {false, true}) {
            if (count > kFigureBlock && type.fractionalBits != 5)
                continue; // blocks do not depend on the format
            const std::vector<float> x = values(count, special, static_cast<unsigned>(count) + 1);
            const std::vector<float> reference = values(count, special, static_cast<unsigned>(count) + 2);
            const std::vector<float> given = values(count, special, static_cast<unsigned>(count) + 3);
            QuantizeJob job = jobOf(x, type);
            job.channelStride = 5;
            job.perSample = count == 1001 ? 30 : 0;
            if (count != 7)
                job.reference = reference.data();
            if (count == 64 && special)
                job.given = given.data();
            // Far from zero, too, where elements are counted one by one.
            job.range = count == 64 ? LinearRange::around({9.5, 10}) : LinearRange::around({-3, count % 2 ? 4.0 : 3.0});
            std::vector<float> expected(count);
            job.y = expected.data();
            const Figures figures = quantizeReference(job);
            for (const std::int64_t target : test::targets()) {
                const test::TargetScope scope(target);
                const QByteArray where = QByteArray::number(static_cast<int>(count)) + (special ? " special, " : ", ") +
                                         hwy::TargetName(target);
                std::vector<float> together(count), alone(count);
                job.y = together.data();
                QVERIFY2(test::sameFigures(quantizeWithFigures(job), figures), where);
                QVERIFY2(sameBits(together, expected), where);
                const SquaredError error = squaredError(job);
                QVERIFY2(error.signal == figures.sumSquares && error.noise == figures.sumSquaredError, where);
                if (job.given)
                    continue;
                job.y = alone.data();
                quantizeValues(job);
                QVERIFY2(sameBits(alone, expected), where);
            }
        }
    }
}

void TestKernels::ties_data() {
    QTest::addColumn<QType>("type");
    for (const Rounding rounding : kRoundings) {
        if (rounding == Rounding::Stochastic)
            continue;
        for (const Overflow overflow : kOverflows) {
            for (const int total : {3, 8}) {
                for (const int fraction : {0, 5, -3, 20}) {
                    const QType type{total, fraction, rounding, overflow};
                    QTest::addRow("%s T=%d F=%d", methodName(type).c_str(), total, fraction) << type;
                }
            }
        }
    }
}

/// Each k + 1/2, and what float32 has just below and above it; the same around the integers, where limits lie.
void TestKernels::ties() {
    QFETCH(QType, type);
    const int total = *type.totalBits, fraction = *type.fractionalBits;
    std::vector<float> places;
    for (int k = -11; k <= 10; ++k) {
        const float place = 0.5f * static_cast<float>(k);
        places.insert(places.end(), {place, std::nextafter(place, -99.0f), std::nextafter(place, 99.0f)});
    }
    std::erase_if(places, [](float v) { return v != 0 && std::abs(v) < 1e-30f; }); // beside zero: not in 2^-kUnit
    for (const float v : places) {
        const auto n = static_cast<std::int64_t>(std::ldexp(static_cast<double>(v), kUnit));
        QVERIFY(std::ldexp(static_cast<double>(n), -kUnit) == static_cast<double>(v));
        const std::int64_t rounded = roundedInteger(n, type.rounding);
        const std::int64_t inside = bounded(rounded, total, type.overflow);
        const auto y = static_cast<float>(std::ldexp(static_cast<double>(inside), -fraction));
        const std::vector<float> x(37, std::ldexp(v, -fraction)); // whole vectors and a rest
        QVERIFY(quantizeOne(x[0], type, limits(type), 0).value == y);
        for (const std::int64_t target : test::targets()) {
            const test::TargetScope scope(target);
            std::vector<float> together(x.size()), alone(x.size());
            QuantizeJob job = jobOf(x, type);
            job.y = alone.data();
            quantizeValues(job);
            job.y = together.data();
            const Figures figures = quantizeWithFigures(job);
            for (std::size_t i = 0; i < x.size(); ++i) {
                QVERIFY(alone[i] == y); // not QCOMPARE, which lets the last bits go
                QVERIFY(together[i] == y);
            }
            const std::int64_t high = (std::int64_t{1} << (total - 1)) - 1;
            const std::int64_t low = type.overflow == Overflow::SaturateSymmetric ? -high : -high - 1;
            QCOMPARE(figures.overflowLow, rounded < low ? 37 : 0);
            QCOMPARE(figures.overflowHigh, rounded > high ? 37 : 0);
        }
    }
}

/// Differences of far more than 24 bits, whose squares float64 must round before it adds them: a fused multiply-add
/// shows. Few of them to a sum, so that their last bits count.
void TestKernels::smallestValues_data() {
    QTest::addColumn<QType>("type");
    for (const Rounding rounding : kRoundings) {
        for (const int fraction : {-1, -5, -90, 0, 90}) {
            const QType type{30, fraction, rounding, Overflow::SaturateSymmetric};
            QTest::addRow("%s F=%d", methodName(type).c_str(), fraction) << type;
        }
    }
}

/// x·2^F may be too small for float32: it rounds as the number that it is, and so does the sign of a zero.
void TestKernels::smallestValues() {
    QFETCH(QType, type);
    std::vector<float> x;
    for (std::uint32_t bits = 0; bits < 67; ++bits) // the smallest numbers, and a rest
        x.push_back(std::bit_cast<float>(bits % 2 == 0 ? bits / 2 : 0x8000'0000u | (bits / 2)));
    std::vector<float> expected(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
        expected[i] = quantizeOne(x[i], type, limits(type), stochasticDraw(11, i)).value;
    for (const std::int64_t target : test::targets()) {
        const test::TargetScope scope(target);
        std::vector<float> together(x.size()), alone(x.size());
        QuantizeJob job = jobOf(x, type);
        job.y = alone.data();
        quantizeValues(job);
        QVERIFY2(sameBits(alone, expected), hwy::TargetName(target));
        job.y = together.data();
        quantizeWithFigures(job);
        QVERIFY2(sameBits(together, expected), hwy::TargetName(target));
    }
}

void TestKernels::productsAreRounded() {
    std::mt19937 random(12);
    std::uniform_real_distribution<float> near(1, 2);
    std::vector<float> x(9600), given(x.size()), reference(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        x[i] = near(random);
        given[i] = std::ldexp(near(random), -20);
        reference[i] = -near(random);
    }
    QuantizeJob job = jobOf(x, {8, 5});
    job.given = given.data();
    job.reference = reference.data();
    job.perSample = 32;
    job.range = LinearRange::around({1000.00125, 1000.005}); // shifted by a number of many bits
    QVERIFY(job.range.shift() != 0);
    job.range.low += 1e-7;
    const Figures figures = quantizeReference(job);
    for (const std::int64_t target : test::targets()) {
        const test::TargetScope scope(target);
        QVERIFY2(test::sameFigures(quantizeWithFigures(job), figures), hwy::TargetName(target));
        QVERIFY2(squaredError(job).noise == figures.sumSquaredError, hwy::TargetName(target));
    }
}

void TestKernels::inPlace() {
    const std::vector<float> original = values(40'003, true, 21);
    QuantizeJob job = jobOf(original, {6, 3});
    job.perSample = 20'000;
    std::vector<float> expected(original.size());
    job.y = expected.data();
    const Figures figures = quantizeReference(job);
    for (const std::int64_t target : test::targets()) {
        const test::TargetScope scope(target);
        std::vector<float> x = original;
        job.x = job.y = x.data();
        QVERIFY(test::sameFigures(quantizeWithFigures(job), figures));
        QVERIFY(sameBits(x, expected));
    }
}

void TestKernels::greatestError_data() {
    QTest::addColumn<QList<int>>("places"); ///< of the errors of 3/8 among lesser ones
    QTest::addColumn<int>("nanAt");         ///< −1: none
    QTest::addColumn<int>("expected");
    QTest::newRow("alone") << QList<int>{777} << -1 << 777;
    QTest::newRow("ties take the first") << QList<int>{1000, 1003, 17'000, 39'999} << -1 << 1000;
    QTest::newRow("tie within a vector") << QList<int>{5, 4} << -1 << 4;
    QTest::newRow("in the rest") << QList<int>{40'000} << -1 << 40'000;
    QTest::newRow("NaN is the greatest") << QList<int>{3, 20'000} << 30'001 << 30'001;
    QTest::newRow("NaN first") << QList<int>{3, 20'000} << 0 << 0;
}

void TestKernels::greatestError() {
    QFETCH(QList<int>, places);
    QFETCH(int, nanAt);
    QFETCH(int, expected);
    const std::vector<float> x(40'001, 0.25f);
    std::vector<float> given(x.size(), 0.5f);
    for (const int place : places)
        given[static_cast<std::size_t>(place)] = place % 2 ? -0.125f : 0.625f;
    if (nanAt >= 0)
        given[static_cast<std::size_t>(nanAt)] = kNan;
    QuantizeJob job = jobOf(x, {8, 2});
    job.given = given.data();
    for (const std::int64_t target : test::targets()) {
        const test::TargetScope scope(target);
        for (const int perSample : {0, 3, 20'000}) {
            job.perSample = perSample;
            const Figures figures = quantizeWithFigures(job);
            QCOMPARE(figures.maxErrorIndex, expected);
            QCOMPARE(std::isnan(figures.maxError), nanAt >= 0);
            QCOMPARE(std::isnan(figures.mse()), nanAt >= 0);
            if (nanAt < 0)
                QCOMPARE(figures.maxError, 0.375);
        }
    }
}

QTEST_GUILESS_MAIN(TestKernels)
#include "tst_kernels.moc"
