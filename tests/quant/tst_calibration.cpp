#include "quant/calibrate/clipping.h"
#include "quant/calibrate/fit.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/lstm.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <QTest>

#include <cmath>

using namespace fxp;
using namespace fxp::quant;

/// From values to formats, beyond what the golden numbers hold.
class TestCalibration : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void percentile_data();
    void percentile();
    void divergenceCutsOutliers();
    void schemes_data();
    void schemes();
    void channels();
    void recurrenceIsCoveredAtEveryStep_data();
    void recurrenceIsCoveredAtEveryStep();
    void sharedRecurrentFormats();
};

namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::randn(shape, generator);
}

QType total(int bits) {
    QType type;
    type.totalBits = bits;
    return type;
}

double squaredError(const at::Tensor& x, const QType& type) {
    return (quantize(x, type, "x") - x).square().sum().item<double>();
}

} // namespace

void TestCalibration::percentile_data() {
    QTest::addColumn<double>("percent");
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("high");
    QTest::newRow("all") << 100.0 << 0.0 << 1000.0;
    QTest::newRow("99") << 99.0 << 5.0 << 995.0;
    QTest::newRow("half") << 50.0 << 250.0 << 750.0;
}

void TestCalibration::percentile() {
    QFETCH(double, percent);
    const at::Tensor values = at::arange(1001, at::kFloat).index_select(0, at::randperm(1001));
    // Parts of one tensor count together; what is not finite does not count.
    const auto range =
        percentileRange({values.slice(0, 0, 300), values.slice(0, 300), at::full({5}, INFINITY)}, percent, "x");
    QTEST(range.low, "low");
    QTEST(range.high, "high");
    QVERIFY_EXCEPTION_THROWN(percentileRange({values}, 0, "x"), Error);
}

void TestCalibration::divergenceCutsOutliers() {
    at::Tensor x = random({100'000}, 4);
    x[17] = 100;
    CalibrationOptions options;
    const QType whole = fit({x}, valueRange(x), total(8), Method::NoOverflow, options, -1, "x");
    const QType cut = fit({x}, valueRange(x), total(8), Method::KlDivergence, options, -1, "x");
    QCOMPARE(whole.integerBits(), 8);
    QVERIFY(cut.integerBits() >= 3 && cut.integerBits() <= 4); // normal values reach four and a half
    const at::Tensor body = at::clamp(x, -6, 6);
    QVERIFY(squaredError(body, cut) < squaredError(body, whole));
    // With more levels than bins there is nothing to cut.
    QCOMPARE(fit({x}, valueRange(x), total(16), Method::KlDivergence, options, -1, "x").integerBits(), 8);
}

void TestCalibration::schemes_data() {
    QTest::addColumn<int>("scheme");
    QTest::newRow("scale") << static_cast<int>(Scheme::Scale);
    QTest::newRow("scale and zero point") << static_cast<int>(Scheme::Affine);
}

void TestCalibration::schemes() {
    QFETCH(int, scheme);
    const at::Tensor x = random({4000}, 8) + 3;
    CalibrationOptions options;
    const QType point = fit({x}, valueRange(x), total(8), Method::NoOverflow, options, -1, "x");
    options.scheme = static_cast<Scheme>(scheme);
    const QType scaled = fit({x}, valueRange(x), total(8), Method::NoOverflow, options, -1, "x");
    QVERIFY(scaled.affine && scaled.isComplete() && !scaled.hasPoint());
    const at::Tensor y = quantize(x, scaled, "x");
    // Nothing lies further off than half a step, and every value on the format's grid.
    const double scale = scaled.affine->scale[0];
    QVERIFY((y - x).abs().max().item<double>() <= 0.5 * scale * (1 + 1e-4));
    const at::Tensor integers = y.to(at::kDouble) / scale + static_cast<double>(scaled.affine->zeroPoint[0]);
    QVERIFY((integers - integers.round()).abs().max().item<double>() < 1e-4);
    QVERIFY(integers.min().item<double>() >= -128.001 && integers.max().item<double>() <= 127.001);
    QVERIFY(squaredError(x, scaled) <= squaredError(x, point));
    const QType least = fit({x}, valueRange(x), total(4), Method::MinMse, options, -1, "x");
    const QType plain = fit({x}, valueRange(x), total(4), Method::NoOverflow, options, -1, "x");
    QVERIFY(squaredError(x, least) <= squaredError(x, plain));
}

void TestCalibration::channels() {
    const at::Tensor w = random({6, 40}, 3) * at::logspace(0, 3, 6).unsqueeze(1);
    const QType one = fit({w}, valueRange(w), total(8), Method::NoOverflow, {}, -1, "w");
    const QType each = fit({w}, valueRange(w), total(8), Method::NoOverflow, {}, 0, "w");
    QCOMPARE(each.affine->scale.size(), std::size_t{6});
    // Powers of two, as the scheme says, and for each channel what it would get alone.
    for (std::int64_t channel = 0; channel < 6; ++channel) {
        const QType alone = fit({w[channel]}, valueRange(w[channel]), total(8), Method::NoOverflow, {}, -1, "w");
        QCOMPARE(each.affine->scale[static_cast<std::size_t>(channel)], alone.lsb());
        QVERIFY(at::equal(quantize(w, each, "w")[channel], quantize(w[channel], alone, "w")));
    }
    QVERIFY(squaredError(w, each) < squaredError(w, one));
    QVERIFY_EXCEPTION_THROWN(quantize(w.t().contiguous(), each, "w"), Error); // 40 rows have no 6 channels
}

namespace {

std::unique_ptr<Network> lstmNetwork(bool reverse) {
    RecurrentParameters p{random({24, 4}, 1), random({24, 6}, 2), random({24}, 3), random({24}, 4), {}, reverse};
    return std::make_unique<test::LayerNetwork>(std::vector<std::string>{"x"},
                                                [p](Builder& run, const std::vector<Value>& in) {
                                                    Lstm layer("lstm", p);
                                                    const auto out = layer.forward({in[0], {}, {}}, run);
                                                    layer.declare(run);
                                                    return std::vector<Value>{out.output};
                                                });
}

} // namespace

void TestCalibration::recurrenceIsCoveredAtEveryStep_data() {
    QTest::addColumn<bool>("reverse");
    QTest::addColumn<std::int64_t>("batch");
    QTest::newRow("forward") << false << std::int64_t{0};
    QTest::newRow("backward") << true << std::int64_t{0};
    QTest::newRow("forward, in batches") << false << std::int64_t{3};
}

void TestCalibration::recurrenceIsCoveredAtEveryStep() {
    QFETCH(bool, reverse);
    QFETCH(std::int64_t, batch);
    SessionOptions options;
    options.batchSize = batch;
    Session session(lstmNetwork(reverse), options);
    // The input grows with time: no one step has the range of all.
    const at::Tensor x = random({8, 9, 4}, 7) * at::linspace(0.1, 3, 9).reshape({1, 9, 1});
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(x));
    QVERIFY(session.setSamples(samples));
    const BitBudget bits{10, 10, 12, Rounding::Round, Overflow::Saturate, {}};
    const auto formats = session.calibrate(startingFormats(session.slots(), bits), {});
    const RunSnapshot result = session.run(*formats);
    for (std::size_t i = 0; i < session.slots().size(); ++i) {
        const SlotInfo& slot = session.slots()[i];
        if (slot.absent || slot.optional)
            continue;
        // What later slots' rounding adds may reach past a range by little, never by much.
        QVERIFY2(result->slots[i]->figures.overflowShare() < 0.005, slot.path.c_str());
        if (slot.stepDimension >= 0)
            QCOMPARE(result->slots[i]->figures.count % 9, std::int64_t{0});
    }
}

void TestCalibration::sharedRecurrentFormats() {
    Session session(lstmNetwork(false));
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(random({2, 3, 4}, 7)));
    QVERIFY(session.setSamples(samples));
    CalibrationOptions options;
    options.groups = {Group::FullyConnected};
    BitBudget bits;
    bits.accumulators = 20;
    const auto formats = session.calibrate(startingFormats(session.slots(), bits), options);
    std::map<std::string, QType> byPath;
    for (std::size_t i = 0; i < formats->size(); ++i)
        byPath.emplace(session.slots()[i].path, (*formats)[i]);
    QVERIFY(byPath.at("lstm.w_ih.weight") == byPath.at("lstm.w_hh.weight"));
    QVERIFY(byPath.at("lstm.w_ih.bias") == byPath.at("lstm.w_hh.bias"));
    // Accumulators asked for are calibrated like any tensor.
    QCOMPARE(byPath.at("lstm.w_hh.accumulator").totalBits, std::optional(20));
    QVERIFY(byPath.at("lstm.w_hh.accumulator").isComplete());
}

QTEST_GUILESS_MAIN(TestCalibration)
#include "tst_calibration.moc"
