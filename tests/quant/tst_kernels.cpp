#include "quant/core/kernels/quantize_kernel.h"
#include "quant/core/rounding.h"
#include "support/compare.h"
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
    void threadsChangeNothing_data();
    void threadsChangeNothing();
    void batchesChangeNothing_data();
    void batchesChangeNothing();
    void greatestError_data();
    void greatestError();
};

namespace {

const float kInfinity = std::numeric_limits<float>::infinity();
const float kNan = std::numeric_limits<float>::quiet_NaN();

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
    const float specials[] = {kNan, kInfinity, -kInfinity, 1e-42f, -1e-42f, 3.4e38f, -3.4e38f};
    for (std::size_t i = 0; special && i < count; i += 1 + random() % 97)
        result[i] = specials[random() % std::size(specials)];
    return result;
}

QuantizeJob jobOf(const std::vector<float>& x, const QType& type) {
    QuantizeJob job;
    job.x = x.data();
    job.count = static_cast<std::int64_t>(x.size());
    job.type = type;
    job.seed = 11;
    job.range = LinearRange::around({-4, 4});
    return job;
}

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
    const auto bits = [](float v) { return std::isnan(v) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(v); };
    return std::ranges::equal(a, b, {}, bits, bits);
}

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

void TestKernels::threadsChangeNothing_data() {
    QTest::addColumn<int>("perSample");
    QTest::newRow("one sample") << 0;
    QTest::newRow("many to a block") << 1000;
    QTest::newRow("many blocks each") << 100'001;
}

void TestKernels::threadsChangeNothing() {
    QFETCH(int, perSample);
    const std::vector<float> x = values(500'003, true, 3), reference = values(500'003, false, 4);
    for (const Rounding rounding : {Rounding::Stochastic, Rounding::Round}) {
        QuantizeJob job = jobOf(x, {7, 4, rounding, Overflow::Saturate});
        job.reference = reference.data();
        job.perSample = perSample;
        std::vector<float> expected(x.size()), y(x.size()), alone(x.size());
        job.y = expected.data();
        const Figures figures = quantizeReference(job);
        for (const std::int64_t target : test::targets()) {
            const test::TargetScope scope(target);
            for (const int threads : {1, 2, 3}) {
                const test::ThreadScope number(threads);
                job.y = y.data();
                QVERIFY(test::sameFigures(quantizeWithFigures(job), figures));
                QVERIFY(sameBits(y, expected));
                job.y = alone.data();
                quantizeValues(job);
                QVERIFY(sameBits(alone, expected));
                QVERIFY(squaredError(job).noise == figures.sumSquaredError);
            }
        }
    }
}

void TestKernels::batchesChangeNothing_data() {
    QTest::addColumn<int>("perSample");
    QTest::addColumn<int>("samples");
    QTest::addColumn<QType>("type");
    const QType draws{7, 4, Rounding::Stochastic, Overflow::Saturate}, plain{6, 5};
    QTest::newRow("one element") << 1 << 300 << draws;
    QTest::newRow("seven elements") << 7 << 300 << plain;
    QTest::newRow("ten elements, float") << 10 << 300 << QType{};
    QTest::newRow("a thousand") << 1000 << 60 << plain;
    QTest::newRow("a block") << static_cast<int>(kFigureBlock) << 5 << plain;
    QTest::newRow("a block and one") << static_cast<int>(kFigureBlock) + 1 << 5 << draws;
    QTest::newRow("nearly three blocks") << 49'000 << 6 << plain;
    QTest::newRow("channels")
        << 300 << 40 << QType{6, {}, Rounding::Round, Overflow::Saturate, Affine{{0.5, 0.013, 3e-2}, {0, 7, -30}, 1}};
}

/// Batches of any sizes, added up from the left and from the right.
void TestKernels::batchesChangeNothing() {
    QFETCH(int, perSample);
    QFETCH(int, samples);
    QFETCH(QType, type);
    const auto count = static_cast<std::size_t>(perSample) * static_cast<std::size_t>(samples);
    std::vector<float> x = values(count, true, 5);
    for (std::size_t i = 0; i < count; i += 3)
        x[i] += 0.1f; // a mean whose sum rounds
    const std::vector<float> reference = values(count, true, 6);
    QuantizeJob job = jobOf(x, type);
    job.reference = reference.data();
    job.perSample = perSample;
    job.channelStride = 100;
    for (const LinearRange& range : {LinearRange::around({-4, 4}), LinearRange::around({1.9, 2.3})}) {
        job.range = range;
        const Figures whole = quantizeReference(job);
        for (const std::int64_t target : test::targets()) {
            const test::TargetScope scope(target);
            for (const int step : {1, 2, 5, 17}) {
                std::vector<Figures> parts;
                SquaredError error;
                for (int sample = 0; sample < samples; sample += step) {
                    const int size = std::min(step, samples - sample);
                    const std::int64_t begin = static_cast<std::int64_t>(sample) * perSample;
                    QuantizeJob part = job;
                    part.x += begin;
                    part.reference += begin;
                    part.firstIndex = begin;
                    part.count = static_cast<std::int64_t>(size) * perSample;
                    parts.push_back(quantizeWithFigures(part));
                    error.add(squaredError(part));
                }
                Figures left, right;
                for (const Figures& part : parts)
                    left.add(part);
                for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
                    Figures joined = *part;
                    joined.add(right);
                    right = joined;
                }
                QVERIFY(test::sameFigures(left, whole));
                QVERIFY(test::sameFigures(right, whole));
                QVERIFY(error.noise == whole.sumSquaredError && error.signal == whole.sumSquares);
                QVERIFY(left.deviation() == whole.deviation());
                QVERIFY(left.sqnr() == whole.sqnr());
            }
        }
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
