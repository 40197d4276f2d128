#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/elementwise.h"
#include "quant/layers/linear.h"
#include "quant/layers/lstm.h"
#include "support/compare.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QTest>

#include <array>
#include <atomic>
#include <cmath>
#include <random>
#include <thread>

using namespace fxp;
using namespace fxp::quant;

/// Runs after edits must equal runs from scratch, whatever was cancelled before, however the samples are split.
class TestEngine : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void incrementalEqualsScratch();
    void editRunsOnlyWhatIsDownstream();
    void cancelledAtEveryOperator();
    void cancelledFromAnotherThread();
    void editedSlotIsPublishedFirst_data();
    void editedSlotIsPublishedFirst();
    void batchesChangeNothing_data();
    void batchesChangeNothing();
    void logWithoutKeptTensors();
    void partialFormatIsRefused();
    void otherNumberOfResultsIsRefused();
    void stochasticIsReproducible();

  private:
    std::unique_ptr<Session> open(std::int64_t samples, SessionOptions options = {}) const;
    std::unique_ptr<Session> open(const std::string& network, std::int64_t samples, SessionOptions options) const;
    Formats calibrated(Session& session) const;
    Formats randomEdit(const Formats& formats, std::mt19937& random) const;

    test::Json m_encoder;
};

void TestEngine::initTestCase() {
    m_encoder = test::readJson(test::goldenFolder() + "/layers/encoder_pre_gelu_round.json");
}

std::unique_ptr<Session> TestEngine::open(std::int64_t samples, SessionOptions options) const {
    auto session = std::make_unique<Session>(test::goldenNetwork(m_encoder), options);
    at::manual_seed(4);
    Samples given;
    given.inputs.items.emplace_back("x0", toArray(at::randn({samples, 4, 8})));
    session->setSamples(given);
    return session;
}

Formats TestEngine::calibrated(Session& session) const {
    return *session.calibrate(startingFormats(session.slots(), {}), {});
}

/// One to three slots get another width, point, rounding or overflow, or become float.
Formats TestEngine::randomEdit(const Formats& formats, std::mt19937& random) const {
    Formats edited = formats;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
        QType& format = edited[random() % edited.size()];
        if (random() % 8 == 0) {
            format.totalBits = format.fractionalBits = std::nullopt;
            continue;
        }
        format.totalBits = 3 + static_cast<int>(random() % 12);
        format.fractionalBits = static_cast<int>(random() % 10) - 1;
        format.rounding = kRoundings[random() % kRoundings.size()];
        format.overflow = kOverflows[random() % kOverflows.size()];
    }
    return edited;
}

void TestEngine::incrementalEqualsScratch() {
    auto incremental = open(3);
    Formats formats = calibrated(*incremental);
    std::mt19937 random(1);
    std::int64_t reused = 0;
    for (int step = 0; step < 500; ++step) {
        formats = randomEdit(formats, random);
        const RunSnapshot result = incremental->run(formats);
        QVERIFY(result && result->complete);
        for (const char stale : result->stale)
            QVERIFY(!stale);
        reused += result->stepsReused;
        if (step % 5 == 0) {
            auto scratch = open(3);
            QVERIFY2(test::sameResult(*result, *scratch->run(formats)), qPrintable(QString::number(step)));
        }
    }
    QVERIFY(reused > 0);
}

void TestEngine::editRunsOnlyWhatIsDownstream() {
    auto session = open(3);
    Formats formats = calibrated(*session);
    const RunSnapshot first = session->run(formats);
    QCOMPARE(first->stepsReused, std::int64_t{0});
    const auto slotOf = [&](const std::string& path) {
        for (std::size_t i = 0; i < session->slots().size(); ++i)
            if (session->slots()[i].path == path)
                return i;
        return std::size_t{0};
    };
    *formats[slotOf("layer.residual_2")].fractionalBits -= 1;
    const RunSnapshot last = session->run(formats);
    QCOMPARE(last->stepsRun, std::int64_t{1});
    // Nothing changed: nothing runs, and the very figures are kept.
    const RunSnapshot same = session->run(formats);
    QCOMPARE(same->stepsRun, std::int64_t{0});
    QVERIFY(same->slots == last->slots);
    // What lies before the edit keeps its figures.
    *formats[slotOf("layer.linear1.activation")].fractionalBits -= 1;
    const RunSnapshot middle = session->run(formats);
    QVERIFY(middle->slots[slotOf("layer.norm1.activation")] == first->slots[slotOf("layer.norm1.activation")]);
    QVERIFY(middle->slots[slotOf("layer.residual_2")] != last->slots[slotOf("layer.residual_2")]);
    QVERIFY(middle->stepsRun < first->stepsRun / 3);
}

void TestEngine::cancelledAtEveryOperator() {
    auto session = open(3);
    const Formats base = calibrated(*session);
    session->run(base);
    std::mt19937 random(2);
    int cancelled = 0;
    for (int at = 0; at < 400; ++at) {
        const Formats edited = randomEdit(base, random);
        int asked = 0;
        RunControl control;
        control.stop = [&] { return asked++ >= at % 200; };
        if (!session->run(edited, control))
            ++cancelled;
        if (at % 10 == 0) {
            const Formats next = at % 20 ? base : edited;
            auto scratch = open(3);
            QVERIFY2(test::sameResult(*session->run(next), *scratch->run(next)), qPrintable(QString::number(at)));
        }
    }
    QVERIFY(cancelled > 100);
}

void TestEngine::cancelledFromAnotherThread() {
    auto session = open(64);
    const Formats base = calibrated(*session);
    std::mt19937 random(3);
    for (int round = 0; round < 30; ++round) {
        std::atomic<bool> stop = false;
        RunControl control;
        control.stop = [&] { return stop.load(); };
        std::vector<RunSnapshot> seen;
        control.publish = [&](RunSnapshot result) { seen.push_back(std::move(result)); };
        std::thread other([&] {
            std::this_thread::yield();
            stop = true;
        });
        session->run(randomEdit(base, random), control);
        other.join();
        for (const RunSnapshot& result : seen)
            QCOMPARE(result->slots.size(), base.size());
    }
    auto scratch = open(64);
    QVERIFY(test::sameResult(*session->run(base), *scratch->run(base)));
}

void TestEngine::editedSlotIsPublishedFirst_data() {
    QTest::addColumn<QString>("golden");
    QTest::addColumn<QString>("edited");
    QTest::addColumn<int>("ran"); // steps that the edit runs; 0: not counted
    QTest::newRow("linear") << "linear_round"
                            << "layer.activation" << 1;
    QTest::newRow("convolution") << "conv2d_strided_grouped"
                                 << "layer.activation" << 1;
    QTest::newRow("layer_norm") << "layer_norm_round"
                                << "layer.activation" << 1;
    QTest::newRow("softmax") << "softmax_round"
                             << "layer.activation" << 1;
    QTest::newRow("attention: last projection") << "mha_4heads_round"
                                                << "layer.out_proj.activation" << 1;
    QTest::newRow("attention: projection") << "mha_4heads_round"
                                           << "layer.qlinear.activation" << 0;
    QTest::newRow("attention: scores") << "mha_4heads_round"
                                       << "layer.attn_scores_raw" << 0;
    QTest::newRow("encoder: linear") << "encoder_pre_gelu_round"
                                     << "layer.linear1.activation" << 0;
    QTest::newRow("encoder: norm") << "encoder_pre_gelu_round"
                                   << "layer.norm1.activation" << 0;
    QTest::newRow("lstm: output") << "lstm_round"
                                  << "layer.output" << 1;
}

void TestEngine::editedSlotIsPublishedFirst() {
    QFETCH(QString, golden);
    QFETCH(QString, edited);
    QFETCH(int, ran);
    const test::Json json = test::readJson(test::goldenFolder() + "/layers/" + golden.toStdString() + ".json");
    Session session(test::goldenNetwork(json));
    Samples samples;
    for (std::size_t i = 0; i < test::goldenInputs(json).size(); ++i)
        samples.inputs.items.emplace_back("x" + std::to_string(i), toArray(test::goldenInputs(json)[i]));
    session.setSamples(samples);
    Formats formats = calibrated(session);
    session.run(formats);
    std::size_t slot = 0;
    while (slot < session.slots().size() && session.slots()[slot].path != edited.toStdString())
        ++slot;
    QVERIFY(slot < session.slots().size());
    *formats[slot].fractionalBits -= 1;
    std::vector<RunSnapshot> published;
    RunControl control;
    control.publish = [&](RunSnapshot result) { published.push_back(std::move(result)); };
    control.edit = 7;
    const RunSnapshot last = session.run(formats, control);
    QVERIFY(published.size() >= 2);
    const RunResult& first = *published.front();
    QVERIFY(first.slots[slot]->format == formats[slot]);
    QVERIFY(!first.stale[slot]);
    QVERIFY(first.outputsStale);
    QCOMPARE(first.edit, std::uint64_t{7});
    QCOMPARE(first.stepsRun, std::int64_t{1}); // the quantization alone: not the product before it
    if (ran > 0)
        QCOMPARE(last->stepsRun, std::int64_t{ran});
    QVERIFY(published.back()->complete);
    Session scratch(test::goldenNetwork(json));
    scratch.setSamples(samples);
    QVERIFY(test::sameResult(*last, *scratch.run(formats)));
}

namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::randn(shape, generator);
}

/// Sums of 96 and 80 products: LibTorch's own differ with the row's place in the matrix.
std::unique_ptr<Network> wideNetwork() {
    const at::Tensor w1 = random({80, 96}, 1), b1 = random({80}, 2), w2 = random({7, 80}, 3);
    return std::make_unique<test::LayerNetwork>(
        std::vector<std::string>{"x0"}, [=](Builder& run, const std::vector<Value>& in) {
            Linear first("first", w1, b1), second("second", w2, {});
            Elementwise relu("relu", "relu", elementwise::relu());
            const Value y = second.forward(relu.forward(first.forward(in[0], run), run), run);
            first.declare(run);
            relu.declare(run);
            second.declare(run);
            return std::vector<Value>{y};
        });
}

/// Values inside are [time, batch, …].
std::unique_ptr<Network> lstmNetwork() {
    const RecurrentParameters p{random({24, 4}, 1), random({24, 6}, 2), random({24}, 3), random({24}, 4), {}, false};
    return std::make_unique<test::LayerNetwork>(std::vector<std::string>{"x0"},
                                                [p](Builder& run, const std::vector<Value>& in) {
                                                    Lstm layer("lstm", p);
                                                    const auto out = layer.forward({in[0], {}, {}}, run);
                                                    layer.declare(run);
                                                    return std::vector<Value>{out.output};
                                                });
}

} // namespace

std::unique_ptr<Session> TestEngine::open(const std::string& network, std::int64_t samples,
                                          SessionOptions options) const {
    auto session = std::make_unique<Session>(network == "wide"   ? wideNetwork()
                                             : network == "lstm" ? lstmNetwork()
                                                                 : test::goldenNetwork(m_encoder),
                                             options);
    Samples given;
    const at::Tensor x = network == "wide"   ? random({samples, 96}, 4)
                         : network == "lstm" ? random({samples, 5, 4}, 4)
                                             : random({samples, 4, 8}, 4);
    given.inputs.items.emplace_back("x0", toArray(x));
    session->setSamples(given);
    return session;
}

void TestEngine::batchesChangeNothing_data() {
    QTest::addColumn<QString>("network");
    QTest::addColumn<int>("batch");
    QTest::addColumn<int>("memory");
    QTest::addColumn<int>("threads");
    for (const char* network : {"encoder", "wide", "lstm"}) {
        QTest::addRow("%s, halves", network) << network << 8 << (1 << 30) << 1;
        QTest::addRow("%s, uneven", network) << network << 5 << (1 << 30) << 2;
        QTest::addRow("%s, one by one, nothing kept", network) << network << 1 << 1 << 3;
        QTest::addRow("%s, chosen by memory", network) << network << 0 << 20'000 << 2;
        QTest::addRow("%s, threads", network) << network << 0 << (1 << 30) << 3;
    }
}

/// Equal, not near: every figure, histogram, count and output, whatever the rounding.
void TestEngine::batchesChangeNothing() {
    QFETCH(QString, network);
    QFETCH(int, batch);
    QFETCH(int, memory);
    QFETCH(int, threads);
    setThreadCount(1);
    auto whole = open(network.toStdString(), 16, {std::int64_t{1} << 30, 0});
    setThreadCount(threads);
    auto split = open(network.toStdString(), 16, {memory, batch});
    QVERIFY(split->slots() == whole->slots()); // their shapes, too
    Formats formats = calibrated(*whole);
    QVERIFY(calibrated(*split) == formats);
    CalibrationOptions least;
    least.parameters = least.activations = Method::MinMse;
    const Formats start = startingFormats(whole->slots(), {});
    QVERIFY(*split->calibrate(start, least) == *whole->calibrate(start, least));
    std::mt19937 random(5);
    for (int step = 0; step < 12; ++step) {
        setThreadCount(1);
        const RunSnapshot a = whole->run(step == 11 ? whole->floatFormats() : formats);
        setThreadCount(threads);
        const RunSnapshot b = split->run(step == 11 ? whole->floatFormats() : formats);
        for (std::size_t i = 0; i < a->slots.size(); ++i) {
            if (a->slots[i])
                QVERIFY2(test::sameFigures(a->slots[i]->figures, b->slots[i]->figures),
                         qPrintable(QString::fromStdString(whole->slots()[i].path) + QString::number(step)));
        }
        QVERIFY(test::sameResult(*a, *b));
        QCOMPARE(b->outputs[0].shape, a->outputs[0].shape);
        QVERIFY(test::same(a->outputs[0].maxError, b->outputs[0].maxError));
        QVERIFY(split->outputs().items[0].second.bytes == whole->outputs().items[0].second.bytes);
        for (std::size_t i = 0; i < a->accumulators.size(); ++i) {
            QCOMPARE(b->accumulators[i].observedBits, a->accumulators[i].observedBits);
            QCOMPARE(b->accumulators[i].overflowLow, a->accumulators[i].overflowLow);
        }
        const std::array totals{4, 8}, integers{1, 3};
        const QType stochastic{{}, {}, Rounding::Stochastic, Overflow::Saturate, {}};
        for (std::size_t slot = 0; slot < formats.size() && step == 3; ++slot) {
            const auto table = whole->sqnrTable(slot, totals, integers, stochastic);
            const auto other = split->sqnrTable(slot, totals, integers, stochastic);
            for (std::size_t i = 0; i < table.size(); ++i)
                QVERIFY2(test::same(table[i], other[i]), whole->slots()[slot].path.c_str());
        }
        formats = randomEdit(formats, random);
        if (step == 4) {
            for (QType& format : formats)
                format.rounding = Rounding::Stochastic;
        }
    }
    setThreadCount(2);
}

void TestEngine::logWithoutKeptTensors() {
    auto session = open(4, {1, 1}); // no memory for tensors: batches are released, but for the first
    const Formats formats = calibrated(*session);
    session->run(formats);
    const auto log = session->log();
    QVERIFY(log.size() > 50);
    for (const auto& entry : log)
        QCOMPARE(entry.array.bytes.empty(), !entry.present);
}

void TestEngine::partialFormatIsRefused() {
    auto session = open(2);
    Formats formats = session->floatFormats();
    const RunSnapshot before = session->run(formats);
    formats[3].totalBits = 8;
    try {
        session->run(formats);
        QFAIL("ran");
    } catch (const Error& error) {
        QCOMPARE(error.where, session->slots()[3].path);
    }
    QVERIFY(session->latest() == before);
}

/// Positive elements one by one, of which a format may leave fewer: an error each time, and not only the first.
void TestEngine::otherNumberOfResultsIsRefused() {
    auto network = std::make_unique<test::LayerNetwork>(
        std::vector<std::string>{"x0"}, [](Builder& run, const std::vector<Value>& in) {
            Elementwise relu("relu", "relu", elementwise::relu());
            const Value y = relu.forward(in[0], run);
            relu.declare(run);
            run.setDataDependent({}, "", "");
            const Value kept = run.call("aten::masked_select", {y, run.call("aten::gt.Scalar", {y, 0})});
            return std::vector<Value>{run.apply("aten::unbind.int", {kept, 0}).at(0)};
        });
    Session session(std::move(network));
    Samples given;
    given.inputs.items.emplace_back("x0", Array::ofFloats({1, 4}, {-1, 0.1f, 2, 3}));
    session.setSamples(given);
    const Formats floats = session.floatFormats();
    const RunSnapshot before = session.run(floats);
    const auto outputs = session.outputs();
    Formats coarse = floats;
    coarse[0].totalBits = 4;
    coarse[0].fractionalBits = 0; // 0.1 becomes 0
    for (int time = 0; time < 2; ++time)
        QVERIFY_THROWS_EXCEPTION(Error, session.run(coarse));
    QVERIFY(test::sameResult(*session.run(floats), *before));
    QVERIFY(session.outputs().items[0].second.bytes == outputs.items[0].second.bytes);
}

void TestEngine::stochasticIsReproducible() {
    Formats formats;
    RunSnapshot first;
    for (const int threads : {1, 2}) {
        setThreadCount(threads);
        auto session = open(32);
        formats = calibrated(*session);
        for (QType& format : formats)
            format.rounding = Rounding::Stochastic;
        const RunSnapshot result = session->run(formats);
        if (first)
            QVERIFY(test::sameResult(*first, *result));
        first = result;
    }
}

QTEST_GUILESS_MAIN(TestEngine)
#include "tst_engine.moc"
