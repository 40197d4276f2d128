#include "quant/calibrate/clipping.h"
#include "quant/calibrate/divisors.h"
#include "quant/calibrate/fit.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/linear.h"
#include "quant/layers/lstm.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

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
    void sumsDoNotOverflowOnTheirOwnSamples_data();
    void sumsDoNotOverflowOnTheirOwnSamples();
    void refitKeepsTheKind_data();
    void refitKeepsTheKind();
    void refitLeavesExactAccumulators();
    void contradictionsAreRefused_data();
    void contradictionsAreRefused();
    void divisorsAreKeptFromZero_data();
    void divisorsAreKeptFromZero();
    void keepingFromZeroIsStopped_data();
    void keepingFromZeroIsStopped();
    void keepingFromZeroAtAnyThreadCount();
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
    QVERIFY_THROWS_EXCEPTION(Error, percentileRange({values}, 0, "x"));
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
    QVERIFY_THROWS_EXCEPTION(Error, quantize(w.t().contiguous(), each, "w")); // 40 rows have no 6 channels
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

namespace {

std::unique_ptr<Network> linearNetwork(const at::Tensor& weight, const at::Tensor& bias) {
    return std::make_unique<test::LayerNetwork>(std::vector<std::string>{"x"},
                                                [=](Builder& run, const std::vector<Value>& in) {
                                                    Linear layer("linear", weight, bias);
                                                    const Value y = layer.forward(in[0], run);
                                                    layer.declare(run);
                                                    return std::vector<Value>{y};
                                                });
}

std::size_t slotOf(const Session& session, const std::string& path) {
    std::size_t slot = 0;
    while (slot < session.slots().size() && session.slots()[slot].path != path)
        ++slot;
    return slot;
}

Samples samplesOf(const at::Tensor& x) {
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(x));
    return samples;
}

} // namespace

void TestCalibration::sumsDoNotOverflowOnTheirOwnSamples_data() {
    QTest::addColumn<int>("operandBits");
    QTest::addColumn<int>("rounding");
    for (const int bits : {6, 14, 30}) { // sums in float32, in float64 and in 128 bits
        for (const Rounding rounding : kRoundings)
            QTest::addRow("%d bits, %s", bits, std::string(name(rounding)).c_str())
                << bits << static_cast<int>(rounding);
    }
}

/// Sums just above a power of two, by less than float32 tells: a range that is rounded first loses them.
void TestCalibration::sumsDoNotOverflowOnTheirOwnSamples() {
    QFETCH(int, operandBits);
    QFETCH(int, rounding);
    const double least = std::ldexp(1.0, 2 - operandBits);
    at::Tensor weight = at::full({3, 4}, 1.0), x = at::full({6, 4}, 0.0);
    x.select(1, 0).fill_(1);
    x.select(1, 1).fill_(least);
    weight.select(1, 1).fill_(least);
    x[5] = -x[5];
    Session session(linearNetwork(weight, {}));
    QVERIFY(session.setSamples(samplesOf(x)));
    Formats given = session.floatFormats();
    const auto set = [&](const std::string& path, const QType& type) { given[slotOf(session, path)] = type; };
    QType operand = total(operandBits);
    operand.fractionalBits = operandBits - 2;
    set("linear.input", operand);
    set("linear.weight", operand);
    for (int bits = 2; bits <= 32; bits += 5) {
        QType activation = total(bits);
        activation.rounding = static_cast<Rounding>(rounding);
        set("linear.activation", activation);
        const auto formats = session.calibrate(given, {});
        const RunSnapshot result = session.run(*formats);
        const std::size_t slot = slotOf(session, "linear.activation");
        QVERIFY((*formats)[slot].isComplete());
        QCOMPARE(result->slots[slot]->figures.overflow(), std::int64_t{0});
    }
}

void TestCalibration::refitKeepsTheKind_data() {
    QTest::addColumn<int>("scheme");
    QTest::addColumn<int>("method");
    for (const Scheme scheme : kSchemes) {
        for (const Method method : {Method::NoOverflow, Method::MinMse})
            QTest::addRow("%s, %s", std::string(name(scheme)).c_str(), std::string(name(method)).c_str())
                << static_cast<int>(scheme) << static_cast<int>(method);
    }
}

void TestCalibration::refitKeepsTheKind() {
    QFETCH(int, scheme);
    QFETCH(int, method);
    Session session(linearNetwork(random({3, 16}, 1), random({3}, 2)));
    QVERIFY(session.setSamples(samplesOf(random({20, 16}, 3) + 2)));
    CalibrationOptions options;
    options.scheme = static_cast<Scheme>(scheme);
    Formats formats = *session.calibrate(startingFormats(session.slots(), {}), options);
    CalibrationOptions again;
    again.parameters = again.activations = options.parameters = options.activations = static_cast<Method>(method);
    // What refitting the spoiled formats gives is what calibrating with the method gives.
    const Formats wanted = *session.calibrate(startingFormats(session.slots(), {}), options);
    for (std::size_t slot = 0; slot < formats.size(); ++slot) {
        if (!formats[slot].isComplete())
            continue;
        again.refit.push_back(slot);
        if (formats[slot].affine)
            formats[slot].affine->scale[0] *= 8;
        else
            *formats[slot].fractionalBits -= 3;
    }
    const Formats refitted = *session.calibrate(formats, again);
    for (std::size_t slot = 0; slot < formats.size(); ++slot) {
        QVERIFY2(refitted[slot] == wanted[slot], session.slots()[slot].path.c_str());
        QCOMPARE(refitted[slot].affine.has_value(), scheme != 0 && !session.slots()[slot].optional);
    }
}

void TestCalibration::refitLeavesExactAccumulators() {
    Session session(linearNetwork(random({3, 16}, 1), random({3}, 2)));
    QVERIFY(session.setSamples(samplesOf(random({20, 16}, 3))));
    const Formats formats = *session.calibrate(startingFormats(session.slots(), {}), {});
    CalibrationOptions options;
    for (std::size_t slot = 0; slot < formats.size(); ++slot)
        options.refit.push_back(slot);
    const Formats refitted = *session.calibrate(formats, options);
    const std::size_t accumulator = slotOf(session, "linear.accumulator");
    QVERIFY(accumulator < formats.size());
    QVERIFY(refitted[accumulator].isFloat());
    QVERIFY(refitted == formats);
}

void TestCalibration::contradictionsAreRefused_data() {
    QTest::addColumn<int>("scheme");
    QTest::addColumn<int>("method");
    QTest::addColumn<bool>("groups");
    QTest::addColumn<bool>("perChannel");
    QTest::addColumn<bool>("refused");
    const int point = static_cast<int>(Scheme::PowerOfTwo), scale = static_cast<int>(Scheme::Scale);
    const int plain = static_cast<int>(Method::NoOverflow), precise = static_cast<int>(Method::HighPrecision);
    QTest::newRow("groups") << point << plain << true << false << false;
    QTest::newRow("groups with scales") << scale << plain << true << false << true;
    QTest::newRow("groups per channel") << point << plain << true << true << true;
    QTest::newRow("high precision") << point << precise << false << false << false;
    QTest::newRow("high precision with scales") << scale << precise << false << false << true;
}

void TestCalibration::contradictionsAreRefused() {
    QFETCH(int, scheme);
    QFETCH(int, method);
    QFETCH(bool, groups);
    QFETCH(bool, perChannel);
    QFETCH(bool, refused);
    Session session(linearNetwork(random({3, 16}, 1), random({3}, 2)));
    QVERIFY(session.setSamples(samplesOf(random({20, 16}, 3))));
    CalibrationOptions options;
    options.scheme = static_cast<Scheme>(scheme);
    options.parameters = options.activations = static_cast<Method>(method);
    options.perChannelWeights = perChannel;
    if (groups)
        options.groups = {Group::WeightBias};
    bool threw = false;
    try {
        session.calibrate(startingFormats(session.slots(), {}), options);
    } catch (const Error& error) {
        threw = true;
        QVERIFY(!error.hint.empty());
    }
    QCOMPARE(threw, refused);
}

void TestCalibration::divisorsAreKeptFromZero_data() {
    QTest::addColumn<double>("smallest");
    QTest::addColumn<bool>("eps");
    QTest::addColumn<bool>("moved");
    QTest::newRow("all hold") << 0.5 << false << false;
    QTest::newRow("1 / x: zero is worst") << 1e-4 << false << true;
    QTest::newRow("1 / sqrt(x + eps), most are small") << 1e-4 << true << true;
}

void TestCalibration::divisorsAreKeptFromZero() {
    QFETCH(double, smallest);
    QFETCH(bool, eps);
    QFETCH(bool, moved);
    at::Tensor x = at::full({24}, smallest, at::kFloat);
    x[3] = 1;
    const Division division{eps ? std::optional(1e-5) : std::nullopt};
    const QType fitted = fit({x}, valueRange(x), total(8), Method::NoOverflow, {}, -1, "x");
    const QType kept = keptFromZero({x}, fitted, division, "x", 0);
    QCOMPARE(kept != fitted, moved);
    QCOMPARE(kept.totalBits, fitted.totalBits);
    QVERIFY(quantize(x, kept, "x").ne(0).all().item<bool>());
    // One small value among many large ones is not worth saturating them all, where eps bounds its quotient.
    at::Tensor large = at::full({4000}, 1.0, at::kFloat);
    large[7] = 2e-5;
    const QType holding = fit({large}, valueRange(large), total(8), Method::NoOverflow, {}, -1, "x");
    const QType chosen = keptFromZero({large}, holding, {1e-5}, "x", 0);
    QVERIFY(quantize(large, chosen, "x")[0].item<float>() > 0.5);
}

void TestCalibration::keepingFromZeroIsStopped_data() {
    QTest::addColumn<int>("at");
    for (const int at : {0, 1, 7, 40})
        QTest::addRow("asked %d times before", at) << at;
}

void TestCalibration::keepingFromZeroIsStopped() {
    QFETCH(int, at);
    const at::Tensor x = at::tensor({1.0f, 0x1p-80f}); // 80 formats away from the first that holds it
    int asked = 0;
    const auto stop = [&] { return asked++ >= at; };
    QVERIFY_THROWS_EXCEPTION(Stopped, keptFromZero({x}, total(8).withPoint(8, 6), {}, "x", 0, stop));
    QCOMPARE(asked, at + 1);
}

void TestCalibration::keepingFromZeroAtAnyThreadCount() {
    at::manual_seed(3);
    const at::Tensor x = at::rand({100'000}) * 0x1p-9 + 0x1p-14;
    const QType fitted = total(8).withPoint(8, 6);
    at::set_num_threads(1);
    const QType one = keptFromZero({x}, fitted, {1e-5}, "x", 0);
    at::set_num_threads(3);
    const QType three = keptFromZero({x}, fitted, {1e-5}, "x", 0);
    at::set_num_threads(2);
    QCOMPARE(three, one);
    QVERIFY(one != fitted);
}

QTEST_GUILESS_MAIN(TestCalibration)
#include "tst_calibration.moc"
