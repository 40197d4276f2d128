#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/elementwise.h"
#include "quant/layers/layer_norm.h"
#include "quant/layers/linear.h"
#include "quant/ops/sample_order.h"
#include "support/compare.h"
#include "support/formats.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>

#include <QTest>

#include <cmath>
#include <limits>
#include <set>

using namespace fxp;
using namespace fxp::quant;
using fxp::test::format;
using fxp::test::random;

namespace {

using Forward = test::LayerNetwork::Forward;

std::unique_ptr<Network> network(Forward forward) {
    return std::make_unique<test::LayerNetwork>(std::vector<std::string>{"x"}, std::move(forward));
}

Samples samplesOf(const at::Tensor& x) {
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(x));
    return samples;
}

Value reluOf(Builder& run, const std::string& path, Value x) {
    Elementwise layer("relu", path, elementwise::relu());
    const Value y = layer.forward(x, run);
    layer.declare(run);
    return y;
}

std::size_t slotOf(const Session& session, const std::string& path) {
    for (std::size_t i = 0; i < session.slots().size(); ++i) {
        if (session.slots()[i].path == path)
            return i;
    }
    return std::numeric_limits<std::size_t>::max();
}

at::Tensor outputOf(Session& session, bool fromFloat) {
    return toTensor(session.outputs(fromFloat).items.at(0).second);
}

} // namespace

/// What a run says of its tensors: counts, indices, draws, logs and tables are those of the samples, not of batches.
class TestRunFigures : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void sharedValuesCountOnce_data();
    void sharedValuesCountOnce();
    void indexInTheReportedShape_data();
    void indexInTheReportedShape();
    void drawsFollowTheSample();
    void nanOutputsShow();
    void logIsThatOfOneRun();
    void tableIsTheRuns_data();
    void tableIsTheRuns();
    void divisorsThatBecameZero();
};

void TestRunFigures::sharedValuesCountOnce_data() {
    QTest::addColumn<int>("batch");
    QTest::newRow("all at once") << 0;
    QTest::newRow("one by one") << 1;
    QTest::newRow("three") << 3;
}

/// Position rows are the model's, not the samples'.
void TestRunFigures::sharedValuesCountOnce() {
    QFETCH(int, batch);
    const at::Tensor table = random({4, 3}, 8);
    const auto forward = [table](Builder& run, const std::vector<Value>& in) {
        const Value positions = reluOf(run, "positions", run.constant(table));
        return std::vector<Value>{reluOf(run, "sum", run.call("aten::add.Tensor", {in[0], positions, {"alpha", 1}}))};
    };
    Session session(network(forward), {std::int64_t{1} << 30, batch});
    QVERIFY(session.setSamples(samplesOf(random({8, 4, 3}, 5))));
    Formats formats = session.floatFormats();
    for (QType& type : formats)
        type = format(5, 3);
    for (int step = 0; step < 2; ++step) { // from scratch, and edited
        formats[slotOf(session, "positions.input")] = format(5, 3 - step);
        const RunSnapshot result = session.run(formats);
        const SlotResult& positions = *result->slots[slotOf(session, "positions.input")];
        QCOMPARE(positions.figures.count, std::int64_t{12});
        QCOMPARE(positions.localFigures.count, std::int64_t{12});
        QCOMPARE(positions.seenSamples, std::int64_t{8});
        QCOMPARE(result->slots[slotOf(session, "sum.input")]->figures.count, std::int64_t{96});
    }
    QCOMPARE(session.slots()[slotOf(session, "positions.input")].shape, (std::vector<std::int64_t>{4, 3}));
    QCOMPARE(session.slots()[slotOf(session, "sum.input")].shape, (std::vector<std::int64_t>{8, 4, 3}));
}

void TestRunFigures::indexInTheReportedShape_data() {
    QTest::addColumn<int>("batch");
    QTest::addColumn<int>("dimension");
    for (const int dimension : {0, 1, 2}) {
        for (const int batch : {0, 1, 3})
            QTest::addRow("dimension %d, batches of %d", dimension, batch) << batch << dimension;
    }
}

/// The greatest error of a slot whose samples lie along another dimension than the first.
void TestRunFigures::indexInTheReportedShape() {
    QFETCH(int, batch);
    QFETCH(int, dimension);
    const auto forward = [dimension](Builder& run, const std::vector<Value>& in) {
        const Value moved = run.call("aten::transpose.int", {in[0], {"dim0", 0}, {"dim1", dimension}});
        const Value y = reluOf(run, "relu", moved);
        return std::vector<Value>{run.call("aten::transpose.int", {y, {"dim0", 0}, {"dim1", dimension}})};
    };
    const at::Tensor x = random({7, 4, 5}, 11);
    Session session(network(forward), {std::int64_t{1} << 30, batch});
    QVERIFY(session.setSamples(samplesOf(x)));
    const std::size_t slot = slotOf(session, "relu.input");
    Formats formats = session.floatFormats();
    formats[slot] = format(9, 3);
    const RunSnapshot result = session.run(formats);
    const at::Tensor whole = x.transpose(0, dimension).contiguous();
    const at::Tensor error = (at::round(whole.to(at::kDouble) * 8) / 8 - whole.to(at::kDouble)).abs().flatten();
    QCOMPARE(session.slots()[slot].shape, whole.sizes().vec());
    QCOMPARE(result->slots[slot]->figures.maxError, error.max().item<double>());
    QCOMPARE(result->slots[slot]->figures.maxErrorIndex, error.argmax().item<std::int64_t>());
    // There and back.
    for (std::int64_t i = 0; i < whole.numel(); ++i) {
        const at::Tensor ordered = sampleMajor(whole, dimension);
        const auto back = fromSampleMajor(i, whole.sizes(), dimension);
        QCOMPARE(whole.flatten()[back].item<float>(), ordered.flatten()[i].item<float>());
    }
}

/// Equal samples draw differently, and each draws the same in every batch.
void TestRunFigures::drawsFollowTheSample() {
    const auto forward = [](Builder& run, const std::vector<Value>& in) {
        return std::vector<Value>{reluOf(run, "relu", in[0])};
    };
    std::vector<at::Tensor> outputs;
    for (const std::int64_t batch : {0, 1, 7}) {
        Session session(network(forward), {1, batch});
        QVERIFY(session.setSamples(samplesOf(at::full({500, 8}, 0.3))));
        Formats formats = session.floatFormats();
        formats[slotOf(session, "relu.input")] = format(8, 0, Rounding::Stochastic);
        QVERIFY(session.run(formats));
        outputs.push_back(outputOf(session, false));
        std::set<std::vector<float>> distinct;
        for (std::int64_t i = 0; i < 500; ++i) {
            const at::Tensor row = outputs.back()[i].contiguous();
            distinct.emplace(row.data_ptr<float>(), row.data_ptr<float>() + 8);
        }
        QVERIFY2(distinct.size() > 60, qPrintable(QString::number(distinct.size()))); // of 256, by far not all likely
        const double mean = outputs.back().mean().item<double>();
        QVERIFY(std::abs(mean - 0.3) < 0.05); // five deviations
        QVERIFY(at::equal(outputs.back(), outputs.front()));
    }
}

void TestRunFigures::nanOutputsShow() {
    const auto forward = [](Builder& run, const std::vector<Value>& in) {
        const Value h = reluOf(run, "relu", in[0]);
        return std::vector<Value>{run.call("aten::div.Tensor", {h, h})};
    };
    Session session(network(forward), {std::int64_t{1} << 30, 2});
    QVERIFY(session.setSamples(samplesOf(at::full({4, 3}, 0.25))));
    Formats formats = session.floatFormats();
    const RunSnapshot before = session.run(formats);
    QCOMPARE(before->outputs[0].maxError, 0.0);
    formats[slotOf(session, "relu.activation")] = format(4, 0); // 0 / 0
    const RunSnapshot result = session.run(formats);
    QVERIFY(std::isnan(result->outputs[0].maxError));
    QCOMPARE(result->outputs[0].nan, std::int64_t{12});
}

void TestRunFigures::logIsThatOfOneRun() {
    const auto forward = [](Builder& run, const std::vector<Value>& in) {
        Linear first("first", random({5, 6}, 1), random({5}, 2)), second("second", random({4, 5}, 3), {});
        const Value y = second.forward(first.forward(in[0], run), run);
        first.declare(run);
        second.declare(run);
        return std::vector<Value>{y};
    };
    Session session(network(forward));
    QVERIFY(session.setSamples(samplesOf(random({3, 6}, 5))));
    QVERIFY_THROWS_EXCEPTION(Error, session.log());
    Formats formats = *session.calibrate(startingFormats(session.slots(), {}), {});
    QVERIFY(session.run(formats));
    const auto before = session.log();
    *formats[slotOf(session, "first.input")].fractionalBits -= 3;
    int cancelled = 0;
    for (int at = 1; at < 8; ++at) {
        int asked = 0;
        RunControl control;
        control.stop = [&] { return asked++ >= at; };
        if (session.run(formats, control))
            break;
        ++cancelled;
        const auto after = session.log();
        QCOMPARE(after.size(), before.size());
        for (std::size_t i = 0; i < after.size(); ++i)
            QVERIFY2(after[i].array.bytes == before[i].array.bytes, after[i].key.c_str());
    }
    QVERIFY(cancelled > 1);
}

void TestRunFigures::tableIsTheRuns_data() {
    QTest::addColumn<int>("memory");
    QTest::addColumn<int>("rounding");
    for (const int memory : {1 << 30, 1}) {
        for (const Rounding rounding : {Rounding::Round, Rounding::Floor, Rounding::Stochastic})
            QTest::addRow("%s, %d bytes", name(rounding).data(), memory) << memory << static_cast<int>(rounding);
    }
}

/// Each cell is what a run with that format says of the slot, whatever was released.
void TestRunFigures::tableIsTheRuns() {
    QFETCH(int, memory);
    QFETCH(int, rounding);
    const at::Tensor weight = random({5, 70}, 1);
    const auto forward = [weight](Builder& run, const std::vector<Value>& in) {
        Linear linear("linear", weight, random({5}, 2));
        const Value y = linear.forward(in[0], run);
        linear.declare(run);
        return std::vector<Value>{reluOf(run, "relu", y)};
    };
    Session session(network(forward), {memory, 3});
    QVERIFY(session.setSamples(samplesOf(random({10, 70}, 5))));
    Formats formats = *session.calibrate(startingFormats(session.slots(), {}), {});
    for (QType& type : formats) {
        if (type.isComplete())
            type.rounding = static_cast<Rounding>(rounding);
    }
    QVERIFY(session.run(formats));
    const std::array totals{3, 6}, integers{2, 4};
    for (const char* path : {"linear.input", "linear.weight", "linear.activation", "relu.activation"}) {
        const std::size_t slot = slotOf(session, path);
        QVERIFY(!session.fedBack()[slot]);
        QType method;
        method.rounding = static_cast<Rounding>(rounding);
        const std::vector<double> table = session.sqnrTable(slot, totals, integers, method);
        QCOMPARE(table.size(), std::size_t{4});
        for (std::size_t cell = 0; cell < table.size(); ++cell) {
            Formats trial = formats;
            const int total = totals[cell / 2], integer = integers[cell % 2];
            trial[slot] = format(total, total - integer, static_cast<Rounding>(rounding));
            Session scratch(network(forward));
            QVERIFY(scratch.setSamples(samplesOf(random({10, 70}, 5))));
            const RunSnapshot result = scratch.run(trial);
            QVERIFY2(test::same(result->slots[slot]->figures.sqnr(), table[cell]), path);
        }
    }
}

void TestRunFigures::divisorsThatBecameZero() {
    const auto forward = [](Builder& run, const std::vector<Value>& in) {
        LayerNorm norm("norm", {{}, {}, {4}, 1e-5});
        const Value y = norm.forward(in[0], run);
        norm.declare(run);
        return std::vector<Value>{y};
    };
    // Variances over four decades.
    const at::Tensor x = random({24, 4}, 5) * at::logspace(-2.5, 0.5, 24).unsqueeze(1);
    Session session(network(forward), {std::int64_t{1} << 30, 5});
    QVERIFY(session.setSamples(samplesOf(x)));
    const std::size_t slot = slotOf(session, "norm.var_tensor");
    QVERIFY(session.slots()[slot].divisor);
    Formats formats = session.floatFormats();
    QVERIFY(session.run(formats)->warnings.empty());
    formats[slot] = format(8, 0);
    const RunSnapshot coarse = session.run(formats);
    QCOMPARE(coarse->warnings.size(), std::size_t{1});
    const at::Tensor variance = x.var(std::vector<std::int64_t>{1}, false, false);
    const auto zeros = variance.mul(1).round().eq(0).sum().item<std::int64_t>();
    QCOMPARE(coarse->warnings[0], "norm.var_tensor: " + std::to_string(zeros) + " of 24 values became 0");
    // Calibrated, the quotients are nearer than with a format that holds the greatest variance.
    Formats given = session.floatFormats();
    given[slot].totalBits = 8;
    const Formats calibrated = *session.calibrate(given, {});
    Formats holding = session.floatFormats(), kept = session.floatFormats();
    kept[slot] = calibrated[slot];
    holding[slot] = noOverflow({0, variance.max().item<double>()}, QType{8, {}}, "");
    const double near = session.run(kept)->outputs[0].mse, far = session.run(holding)->outputs[0].mse;
    QVERIFY2(near < far, qPrintable(QString("%1 %2").arg(near).arg(far)));
}

QTEST_GUILESS_MAIN(TestRunFigures)
#include "tst_run_figures.moc"
