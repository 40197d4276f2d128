#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/linear.h"
#include "support/compare.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QTest>

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
    void editedSlotIsPublishedFirst();
    void batchesChangeNothing_data();
    void batchesChangeNothing();
    void logWithoutKeptTensors();
    void partialFormatIsRefused();
    void stochasticIsReproducible();

  private:
    std::unique_ptr<Session> open(std::int64_t samples, SessionOptions options = {}) const;
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
    for (int step = 0; step < 2000; ++step) {
        formats = randomEdit(formats, random);
        const RunSnapshot result = incremental->run(formats);
        QVERIFY(result && result->complete);
        for (const char stale : result->stale)
            QVERIFY(!stale);
        reused += result->stepsReused;
        if (step % 20 == 0) {
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

void TestEngine::editedSlotIsPublishedFirst() {
    auto session = open(3);
    Formats formats = calibrated(*session);
    session->run(formats);
    std::size_t slot = 0;
    while (session->slots()[slot].path != "layer.norm1.activation")
        ++slot;
    *formats[slot].fractionalBits += 1;
    std::vector<RunSnapshot> published;
    RunControl control;
    control.publish = [&](RunSnapshot result) { published.push_back(std::move(result)); };
    control.edit = 7;
    session->run(formats, control);
    QVERIFY(published.size() >= 2);
    const RunResult& first = *published.front();
    QVERIFY(first.slots[slot]->format == formats[slot]);
    QVERIFY(!first.stale[slot]);
    QVERIFY(first.outputsStale);
    QCOMPARE(first.edit, std::uint64_t{7});
    int stale = 0;
    for (const char s : first.stale)
        stale += s;
    QVERIFY(stale > 5); // downstream waits, and says so
    QVERIFY(published.back()->complete);
}

void TestEngine::batchesChangeNothing_data() {
    QTest::addColumn<int>("batch");
    QTest::addColumn<int>("memory");
    QTest::newRow("halves") << 8 << (1 << 30);
    QTest::newRow("uneven") << 5 << (1 << 30);
    QTest::newRow("one by one, nothing kept") << 1 << 1;
    QTest::newRow("chosen by memory") << 0 << 100'000;
}

void TestEngine::batchesChangeNothing() {
    QFETCH(int, batch);
    QFETCH(int, memory);
    auto whole = open(16);
    auto split = open(16, {memory, batch});
    Formats formats = calibrated(*whole);
    QVERIFY(calibrated(*split) == formats);
    std::mt19937 random(5);
    for (int step = 0; step < 10; ++step) {
        const RunSnapshot a = whole->run(formats), b = split->run(formats);
        for (std::size_t i = 0; i < a->slots.size(); ++i) {
            if (!a->slots[i])
                continue;
            const Figures &x = a->slots[i]->figures, &y = b->slots[i]->figures;
            QCOMPARE(y.count, x.count);
            QCOMPARE(y.overflow(), x.overflow());
            QCOMPARE(y.underflow, x.underflow);
            QVERIFY(y.before.log2 == x.before.log2);
            QVERIFY(test::same(x.sumSquaredError, y.sumSquaredError) ||
                    std::abs(y.sumSquaredError - x.sumSquaredError) <= 1e-9 * x.sumSquaredError + 1e-15);
            QCOMPARE(y.maxErrorIndex, x.maxErrorIndex);
        }
        QVERIFY(test::same(a->outputs[0].mse, b->outputs[0].mse) ||
                std::abs(a->outputs[0].mse - b->outputs[0].mse) <=
                    1e-5 * a->outputs[0].mse); // float GEMMs differ by ulps
        formats = randomEdit(formats, random);
        for (QType& format : formats)
            if (format.rounding == Rounding::Stochastic)
                format.rounding = Rounding::Round; // its draws follow the place in the batch
    }
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
