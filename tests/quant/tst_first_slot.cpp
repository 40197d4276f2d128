#include "quant/calibrate/starting_formats.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "support/compare.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>

#include <QTest>

#include <algorithm>
#include <vector>

using namespace fxp;
using namespace fxp::quant;

namespace {

constexpr std::int64_t kSamples = 10;

/// An encoder layer, and its samples or the first of them.
std::unique_ptr<Session> open(std::int64_t batch, std::int64_t memory, std::int64_t count = kSamples) {
    SessionOptions options;
    options.batchSize = batch;
    options.memoryBytes = memory;
    auto session = std::make_unique<Session>(
        test::goldenNetwork(test::readJson(test::goldenFolder() + "/layers/encoder_pre_gelu_round.json")), options);
    at::manual_seed(4);
    Samples samples;
    samples.inputs.items.emplace_back("x0", toArray(at::randn({kSamples, 4, 8}).narrow(0, 0, count).contiguous()));
    session->setSamples(samples);
    return session;
}

int slotOf(const Session& session, const std::string& path) {
    const auto found = std::ranges::find(session.slots(), path, &SlotInfo::path);
    return found == session.slots().end() ? -1 : static_cast<int>(found - session.slots().begin());
}

int withFigures(const RunResult& result) {
    return static_cast<int>(std::ranges::count_if(result.slots, [](const auto& slot) { return slot != nullptr; }));
}

} // namespace

/// The tensor that is looked at gets its figures before the rest of the network has run.
class TestFirstSlot : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void comesFirst_data();
    void comesFirst();
    void anotherOneDuringTheRun_data();
    void anotherOneDuringTheRun();
    void wholeFiguresStay();
};

void TestFirstSlot::comesFirst_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<qint64>("batch");
    QTest::addColumn<qint64>("memory");
    QTest::addColumn<qint64>("seen");
    constexpr qint64 kMuch = 1 << 30, kNone = 1;
    QTest::newRow("one batch, in the middle")
        << "layer.self_attn.attn_output" << qint64(0) << kMuch << qint64(kSamples);
    QTest::newRow("one batch, the last") << "layer.residual_2" << qint64(0) << kMuch << qint64(kSamples);
    QTest::newRow("batches that are kept") << "layer.residual_2" << qint64(4) << kMuch << qint64(4);
    QTest::newRow("batches that are not") << "layer.linear1.activation" << qint64(3) << kNone << qint64(3);
    QTest::newRow("a weight: all there is of it") << "layer.linear2.weight" << qint64(3) << kNone << qint64(kSamples);
}

void TestFirstSlot::comesFirst() {
    QFETCH(QString, path);
    QFETCH(qint64, batch);
    QFETCH(qint64, memory);
    QFETCH(qint64, seen);
    const auto plain = open(batch, memory);
    const int slot = slotOf(*plain, path.toStdString());
    QVERIFY2(slot >= 0, qPrintable(path));
    const auto index = static_cast<std::size_t>(slot);
    const Formats formats = *plain->calibrate(startingFormats(plain->slots(), {}), {});
    const RunSnapshot expected = plain->run(formats);

    const auto session = open(batch, memory);
    std::vector<RunSnapshot> published;
    RunControl control;
    control.first = [&] { return slot; };
    control.publish = [&](RunSnapshot result) { published.push_back(std::move(result)); };
    const RunSnapshot last = session->run(formats, control);
    QVERIFY(published.size() >= 2);
    const RunResult& first = *published.front();
    QCOMPARE(withFigures(first), 1);
    QVERIFY(first.slots[index]);
    QVERIFY(!first.complete);
    QVERIFY(first.outputsStale);
    QCOMPARE(first.slots[index]->seenSamples, std::int64_t{seen});
    QCOMPARE(first.stale[index] != 0, seen < kSamples);
    QVERIFY(first.stepsRun < plain->latest()->stepsRun || seen == kSamples);
    // The same as a session that has those samples alone, but for the histograms' ranges.
    const auto few = open(0, 1 << 30, seen);
    const auto alone = few->run(formats)->slots[index];
    const Figures &a = first.slots[index]->figures, &b = alone->figures;
    QCOMPARE(a.count, b.count);
    QCOMPARE(a.min, b.min);
    QCOMPARE(a.max, b.max);
    QCOMPARE(a.overflow(), b.overflow());
    QCOMPARE(a.underflow, b.underflow);
    QCOMPARE(a.referenceSqnr(), b.referenceSqnr());
    QCOMPARE(a.maxErrorIndex, b.maxErrorIndex);
    // What was computed first changes nothing in the end.
    QVERIFY(last->complete);
    QVERIFY(test::sameResult(*last, *expected));
    QCOMPARE(last->slots[index]->seenSamples, kSamples);
    QVERIFY(std::ranges::none_of(last->stale, [](char stale) { return stale != 0; }));
    for (std::size_t i = 1; i < published.size(); ++i) // more samples from one to the next
        QVERIFY(published[i]->slots[index]->seenSamples >= published[i - 1]->slots[index]->seenSamples);
}

void TestFirstSlot::anotherOneDuringTheRun_data() {
    QTest::addColumn<qint64>("batch");
    QTest::addColumn<qint64>("memory");
    QTest::newRow("one batch") << qint64(0) << qint64(1 << 30);
    QTest::newRow("batches that are kept") << qint64(4) << qint64(1 << 30);
    QTest::newRow("batches that are not") << qint64(4) << qint64(1);
}

/// The user selects another tensor once the first one's figures are there.
void TestFirstSlot::anotherOneDuringTheRun() {
    QFETCH(qint64, batch);
    QFETCH(qint64, memory);
    const auto plain = open(batch, memory);
    const Formats formats = *plain->calibrate(startingFormats(plain->slots(), {}), {});
    const RunSnapshot expected = plain->run(formats);

    const auto session = open(batch, memory);
    const int before = slotOf(*session, "layer.norm1.activation"), after = slotOf(*session, "layer.residual_2");
    QVERIFY(before >= 0 && after >= 0);
    std::vector<RunSnapshot> published;
    RunControl control;
    control.first = [&] { return published.empty() ? before : after; };
    control.publish = [&](RunSnapshot result) { published.push_back(std::move(result)); };
    const RunSnapshot last = session->run(formats, control);
    QVERIFY(published.size() >= 3);
    QVERIFY(published[0]->slots[static_cast<std::size_t>(before)]);
    QVERIFY(!published[0]->slots[static_cast<std::size_t>(after)]);
    QVERIFY(published[1]->slots[static_cast<std::size_t>(after)]);
    QVERIFY(!published[1]->complete);
    QVERIFY(test::sameResult(*last, *expected));
    // Sums of products are counted once per sample, however often the run began anew.
    QCOMPARE(last->accumulators.size(), expected->accumulators.size());
    for (std::size_t i = 0; i < last->accumulators.size(); ++i)
        QCOMPARE(last->accumulators[i].overflowLow + last->accumulators[i].overflowHigh,
                 expected->accumulators[i].overflowLow + expected->accumulators[i].overflowHigh);
}

/// Where there are figures of all samples, few newer ones do not take their place.
void TestFirstSlot::wholeFiguresStay() {
    const auto session = open(4, 1 << 30);
    const int slot = slotOf(*session, "layer.residual_2"), edited = slotOf(*session, "layer.linear1.weight");
    QVERIFY(slot >= 0 && edited >= 0);
    Formats formats = *session->calibrate(startingFormats(session->slots(), {}), {});
    session->run(formats);
    *formats[static_cast<std::size_t>(edited)].fractionalBits -= 2;
    RunControl control;
    control.first = [&] { return slot; };
    bool whole = true;
    control.publish = [&](const RunSnapshot& result) {
        whole = whole && result->slots[static_cast<std::size_t>(slot)]->seenSamples == kSamples;
    };
    QVERIFY(session->run(formats, control)->complete);
    QVERIFY(whole);
}

QTEST_APPLESS_MAIN(TestFirstSlot)
#include "tst_first_slot.moc"
