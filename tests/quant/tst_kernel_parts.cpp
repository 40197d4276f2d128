#include "quant/core/kernels/quantize_kernel.h"
#include "support/compare.h"
#include "support/kernel_jobs.h"
#include "support/targets.h"

#include <QTest>

#include <algorithm>
#include <vector>

using namespace fxp;
using namespace fxp::quant;
using test::jobOf;
using test::sameBits;
using test::values;

/// How a tensor is cut, among threads or into batches, changes nothing, on every instruction set of the machine.
class TestKernelParts : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void threadsChangeNothing_data();
    void threadsChangeNothing();
    void batchesChangeNothing_data();
    void batchesChangeNothing();
};

void TestKernelParts::threadsChangeNothing_data() {
    QTest::addColumn<int>("perSample");
    QTest::newRow("one sample") << 0;
    QTest::newRow("many to a block") << 1000;
    QTest::newRow("many blocks each") << 100'001;
}

void TestKernelParts::threadsChangeNothing() {
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

void TestKernelParts::batchesChangeNothing_data() {
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
void TestKernelParts::batchesChangeNothing() {
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

QTEST_GUILESS_MAIN(TestKernelParts)
#include "tst_kernel_parts.moc"
