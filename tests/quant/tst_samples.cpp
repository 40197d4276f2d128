#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/layers/elementwise.h"
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

/// What a session makes of samples: which dimension they lie along, and what must not be taken for samples.
class TestSamples : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void timeIsNotSamples_data();
    void timeIsNotSamples();
    void valuesThatAreNotFinite();
    void layersAreProvenOnLaterBatches_data();
    void layersAreProvenOnLaterBatches();
    void shapesThatDependOnValues();
    void rowsThatAreNotSamples_data();
    void rowsThatAreNotSamples();
    void labelsThatAreNoClasses_data();
    void labelsThatAreNoClasses();
    void firstValueNotFinite_data();
    void firstValueNotFinite();
    void modelWithoutOutputs();
};

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

void TestSamples::timeIsNotSamples_data() {
    QTest::addColumn<QString>("what");
    for (const char* what : {"cumsum over dimension 0", "cumsum over dimension 1", "reversed", "mean over dimension 0",
                             "last row alone", "transposed"})
        QTest::newRow(what) << what;
}

/// The outputs of small batches are those of the whole, whatever lies along dimension 0.
void TestSamples::timeIsNotSamples() {
    QFETCH(QString, what);
    const auto reference = [what](const at::Tensor& x) {
        const at::Tensor r = x.relu();
        if (what == "cumsum over dimension 0")
            return r.cumsum(0);
        if (what == "cumsum over dimension 1")
            return r.cumsum(1);
        if (what == "reversed")
            return r.flip({0});
        if (what == "mean over dimension 0")
            return r - r.mean(std::vector<std::int64_t>{0}, true);
        if (what == "last row alone")
            return at::cat({r.slice(0, 0, r.size(0) - 1), r.slice(0, r.size(0) - 1) + r.slice(0, 0, 1)});
        return r.transpose(0, 1).contiguous();
    };
    const auto forward = [what](Builder& run, const std::vector<Value>& in) {
        const Value r = reluOf(run, "relu", in[0]);
        const std::int64_t rows = run.tensor(r).size(0);
        const auto slice = [&](std::int64_t from, std::int64_t to) {
            return run.call("aten::slice.Tensor", {r, {"dim", 0}, {"start", from}, {"end", to}, {"step", 1}});
        };
        Value y;
        if (what.startsWith("cumsum"))
            y = run.call("aten::cumsum", {r, {"dim", what.endsWith("0") ? 0 : 1}, {"dtype", Argument()}});
        else if (what == "reversed")
            y = run.call("aten::flip", {r, {"dims", Argument(std::vector<std::int64_t>{0})}});
        else if (what == "mean over dimension 0")
            y = run.call(
                "aten::sub.Tensor",
                {r,
                 run.call(
                     "aten::mean.dim",
                     {r, {"dim", Argument(std::vector<std::int64_t>{0})}, {"keepdim", true}, {"dtype", Argument()}}),
                 {"alpha", 1}});
        else if (what == "last row alone")
            y = run.call("aten::cat", {Operand::List{slice(0, rows - 1),
                                                     run.call("aten::add.Tensor",
                                                              {slice(rows - 1, rows), slice(0, 1), {"alpha", 1}})},
                                       {"dim", 0}});
        else
            y = run.call("aten::transpose.int", {r, {"dim0", 0}, {"dim1", 1}});
        return std::vector<Value>{reluOf(run, "last", y)};
    };
    const at::Tensor x = random({6, 5}, 3);
    Session session(network(forward), {1, 1});
    QVERIFY(session.setSamples(samplesOf(x)));
    QVERIFY(session.run(session.floatFormats()));
    const at::Tensor wanted = reference(x).relu();
    // A mean is summed in float64 here, and in float32 there.
    QVERIFY(at::allclose(outputOf(session, true), wanted, 1e-6, 1e-6));
    QVERIFY(at::equal(outputOf(session, false), outputOf(session, true)));
    QCOMPARE(session.slots()[slotOf(session, "last.activation")].shape, wanted.sizes().vec());
}

void TestSamples::valuesThatAreNotFinite() {
    // Recognised, as by a proof, where the values are finite alone.
    const auto forward = [](Builder& run, const std::vector<Value>& in) {
        const bool finite = run.tensor(in[0]).isfinite().all().item<bool>();
        return std::vector<Value>{reluOf(run, finite ? "relu" : "unknown", in[0])};
    };
    at::Tensor x = random({6, 5}, 3);
    x[0][1] = std::nanf("");
    x[4][2] = INFINITY;
    for (const std::int64_t batch : {0, 2}) {
        Session session(network(forward), {std::int64_t{1} << 30, batch});
        QVERIFY(session.setSamples(samplesOf(x)));
        const std::size_t slot = slotOf(session, "relu.input");
        QVERIFY(slot < session.slots().size());
        const RunSnapshot result = session.run(session.floatFormats());
        QCOMPARE(result->slots[slot]->figures.nan, std::int64_t{1});
        QCOMPARE(result->slots[slot]->figures.inf, std::int64_t{1});
        QVERIFY(std::isnan(outputOf(session, true)[0][1].item<float>()));
    }
}

namespace {

/// Takes |x| for a relu until it is refused: right for positive samples.
class Mistaken final : public Network {
  public:
    const std::vector<ModuleInfo>& modules() const override { return m_modules; }
    const std::vector<ArgumentInfo>& arguments() const override { return m_arguments; }
    void refuseLayer(const std::string& path) override { refused.insert(path); }
    Recording record(const std::vector<std::optional<at::IValue>>& arguments, const StopRequest& /*stop*/) override {
        Builder run;
        const Value x = run.input(arguments[0]->toTensor());
        Recording recording;
        const bool known = !refused.contains("relu");
        const Value y = known ? reluOf(run, "relu", x) : run.call("aten::abs", {x});
        Builder::Finished finished = run.finish({y});
        recording.program = std::move(finished.program);
        recording.values = std::move(finished.values);
        if (known) {
            LayerProof proof;
            proof.path = "relu";
            Step step;
            step.op = "aten::abs";
            step.arguments = {{"self", Hole{0}}};
            step.inputs = {recording.program.inputs[0]};
            step.outputs = {recording.program.valueCount};
            proof.valueCount = recording.program.valueCount + 1;
            proof.operators = {step};
            proof.expected = {recording.program.valueCount};
            proof.got = {recording.program.outputs[0]};
            recording.proofs.push_back(proof);
        }
        return recording;
    }

    std::set<std::string> refused;

  private:
    std::vector<ModuleInfo> m_modules{{"", "test", 0, {}}};
    std::vector<ArgumentInfo> m_arguments{{"x", ArgumentInfo::Kind::Tensor, false, {}, {}}};
};

} // namespace

void TestSamples::layersAreProvenOnLaterBatches_data() {
    QTest::addColumn<int>("negative"); // the sample that tells them apart; −1: none does
    QTest::addColumn<bool>("refused");
    QTest::newRow("none") << -1 << false;
    QTest::newRow("second batch") << 3 << true;
    QTest::newRow("last batch") << 7 << true;
}

void TestSamples::layersAreProvenOnLaterBatches() {
    QFETCH(int, negative);
    QFETCH(bool, refused);
    at::Tensor x = random({8, 3}, 5).abs() + 1;
    if (negative >= 0)
        x[negative] = -x[negative];
    auto owned = std::make_unique<Mistaken>();
    const Mistaken& mistaken = *owned;
    Session session(std::move(owned), {std::int64_t{1} << 30, 2});
    QVERIFY(session.setSamples(samplesOf(x)));
    QCOMPARE(!mistaken.refused.empty(), refused);
    QCOMPARE(session.slots().empty(), refused);
    QVERIFY(session.run(session.floatFormats()));
    QVERIFY(at::equal(outputOf(session, true), x.abs()));
}

void TestSamples::shapesThatDependOnValues() {
    const auto forward = [](Builder& run, const std::vector<Value>& in) {
        const Value h = reluOf(run, "first", in[0]);
        const Value mask = run.call("aten::gt.Scalar", {h, {"other", 0}});
        run.setDataDependent({}, "", "");
        return std::vector<Value>{reluOf(run, "kept", run.call("aten::masked_select", {h, mask}))};
    };
    Session session(network(forward));
    QVERIFY(session.setSamples(samplesOf(random({8, 40}, 5) * 0.1)));
    Formats formats = session.floatFormats();
    QVERIFY(session.run(formats));
    formats[slotOf(session, "first.activation")] = format(4, 2); // most become 0, and are no longer selected
    try {
        session.run(formats);
        QFAIL("ran");
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("kept.input"));
    }
    QVERIFY(session.run(session.floatFormats()));
}

void TestSamples::rowsThatAreNotSamples_data() {
    QTest::addColumn<int>("rows"); // of the output for each sample
    QTest::newRow("a row for each sample") << 1;
    QTest::newRow("two rows for each sample") << 2;
}

void TestSamples::rowsThatAreNotSamples() {
    QFETCH(int, rows);
    const auto forward = [rows](Builder& run, const std::vector<Value>& in) {
        const Value y =
            run.call("aten::reshape", {in[0], {"shape", Argument(std::vector<std::int64_t>{-1, 6 / rows})}});
        return std::vector<Value>{reluOf(run, "relu", y)};
    };
    Session session(network(forward), {std::int64_t{1} << 30, 2});
    const at::Tensor x = random({4, 6}, 5);
    Samples samples = samplesOf(x);
    samples.labels = {0, 1, 2, 0};
    QVERIFY(session.setSamples(samples));
    const RunSnapshot result = session.run(session.floatFormats());
    QCOMPARE(result->predictions.accuracyFixed().has_value(), rows == 1);
    QCOMPARE(result->predictions.note.empty(), rows == 1);
    QCOMPARE(result->outputs[0].shape, (std::vector<std::int64_t>{4 * rows, 6 / rows}));
}

void TestSamples::labelsThatAreNoClasses_data() {
    QTest::addColumn<int>("label");
    QTest::addColumn<bool>("isClass");
    QTest::newRow("the last class") << 5 << true;
    QTest::newRow("one more") << 6 << false;
    QTest::newRow("negative") << -1 << false;
}

void TestSamples::labelsThatAreNoClasses() {
    QFETCH(int, label);
    QFETCH(bool, isClass);
    Session session(network(
        [](Builder& run, const std::vector<Value>& in) { return std::vector<Value>{reluOf(run, "relu", in[0])}; }));
    Samples samples = samplesOf(random({4, 6}, 5)); // six classes
    samples.labels = {0, 1, label, 0};
    QVERIFY(session.setSamples(samples));
    const auto predictions = session.run(session.floatFormats())->predictions;
    QCOMPARE(predictions.accuracyFixed().has_value(), isClass);
    QCOMPARE(predictions.note.find("the label of sample 2 is " + std::to_string(label)) == 0, !isClass);
}

void TestSamples::firstValueNotFinite_data() {
    QTest::addColumn<float>("value");
    QTest::addColumn<int>("count");
    QTest::addColumn<QString>("note");
    const float infinity = std::numeric_limits<float>::infinity();
    QTest::newRow("none") << 1.0f << 1 << QString();
    QTest::newRow("NaN") << std::nanf("") << 1 << "sample 2 has NaN at [1, 3]";
    QTest::newRow("several") << infinity << 3
                             << "sample 2 has Inf at [1, 3], the first of 3 values that are not finite";
    QTest::newRow("negative") << -infinity << 1 << QString::fromUtf8("sample 2 has −Inf at [1, 3]");
}

void TestSamples::firstValueNotFinite() {
    QFETCH(float, value);
    QFETCH(int, count);
    QFETCH(QString, note);
    Session session(network(
        [](Builder& run, const std::vector<Value>& in) { return std::vector<Value>{reluOf(run, "relu", in[0])}; }));
    at::Tensor x = random({4, 2, 5}, 5);
    x.flatten().slice(0, 28, 28 + count).fill_(value); // 2 · 10 + 1 · 5 + 3
    QVERIFY(session.setSamples(samplesOf(x)));
    const std::vector<std::string> notes = session.notes();
    QCOMPARE(notes.size(), std::size_t{note.isEmpty() ? 0U : 1U});
    QCOMPARE(session.run(session.floatFormats())->notes, notes);
    if (!note.isEmpty())
        QVERIFY2(QString::fromStdString(notes[0]).endsWith(": " + note), notes[0].c_str());
}

void TestSamples::modelWithoutOutputs() {
    Session session(network([](Builder&, const std::vector<Value>&) { return std::vector<Value>{}; }));
    Samples samples = samplesOf(random({4, 6}, 5));
    samples.labels = {0, 1, 2, 0};
    QVERIFY(session.setSamples(samples));
    const RunSnapshot result = session.run(session.floatFormats());
    QVERIFY(result && result->complete && result->outputs.empty());
    QVERIFY(!result->predictions.note.empty());
}

QTEST_GUILESS_MAIN(TestSamples)
#include "tst_samples.moc"
