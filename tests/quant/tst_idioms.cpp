#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <QMap>
#include <QTest>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

using namespace fxp;
using namespace fxp::quant;
using test::Json;

/// Ordinary model code that is hard to follow: a file is opened with some samples and must compute on others, in parts
/// and with a quantized input, what PyTorch computed. tests/data/idioms/make.py describes the files.
class TestIdioms : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void filesAreRight_data();
    void filesAreRight();
    void followsItsInputs_data();
    void followsItsInputs();
    void timeIsNotSamples_data();
    void timeIsNotSamples();
    void shapesThatDependOnValues_data();
    void shapesThatDependOnValues();
    void pathsAreUnique_data();
    void pathsAreUnique();
    void notFiniteSamples_data();
    void notFiniteSamples();
    void constantIndicesKeepTheTable_data();
    void constantIndicesKeepTheTable();
    void accuracyNeedsARowForEachLabel_data();
    void accuracyNeedsARowForEachLabel();
};

namespace {

const std::string kFolder = std::string(FXP_TEST_DATA) + "/idioms/";
const std::string kInput = "mul.input"; ///< the slot whose format quantizes what a model is given
constexpr std::int64_t kMuchMemory = std::int64_t{1} << 30;

Json casesOf(const std::string& group) {
    return test::readJson(kFolder + "cases.json")[group];
}

/// A row for each case of the group, in each of its forms, under each of the settings.
void addRows(const std::string& group, const std::vector<std::pair<std::string, SessionOptions>>& settings) {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("form");
    QTest::addColumn<qint64>("memory");
    QTest::addColumn<qint64>("batch");
    const Json cases = casesOf(group);
    for (const auto& item : cases.items()) {
        for (const Json& form : item.value()["forms"]) {
            for (const auto& [label, options] : settings)
                QTest::addRow("%s, %s, %s", item.key().c_str(), form.get<std::string>().c_str(), label.c_str())
                    << QString::fromStdString(item.key()) << QString::fromStdString(form.get<std::string>())
                    << qint64(options.memoryBytes) << qint64(options.batchSize);
        }
    }
}

const std::vector<std::pair<std::string, SessionOptions>> kBatches{
    {"whole", {kMuchMemory, 0}}, {"by five", {kMuchMemory, 5}}, {"one by one", {kMuchMemory, 1}}};

/// A session on the file, which is given the samples one after the other.
std::unique_ptr<Session> open(const std::string& file, const std::vector<Samples>& given = {},
                              const SessionOptions& options = {}) {
    auto session = openModel(kFolder + file, options);
    for (const Samples& samples : given)
        session->setSamples(samples);
    return session;
}

/// The case of the current row: its arrays, and a session that was opened with some samples and then given others.
struct Opened {
    Opened() : Opened({}, {}) {}
    /// With labels; where `x` is defined, with these samples alone.
    Opened(const at::Tensor& x, const std::vector<std::int32_t>& labels) {
        QFETCH(QString, name);
        QFETCH(QString, form);
        QFETCH(qint64, memory);
        QFETCH(qint64, batch);
        arrays = readNpz(kFolder + name.toStdString() + ".npz");
        std::vector<Samples> given;
        if (!x.defined())
            given.push_back({{{{"x", *arrays.find("recorded")}}}, {}});
        given.push_back({{{{"x", x.defined() ? toArray(x) : *arrays.find("x")}}}, labels});
        session = open(name.toStdString() + "." + form.toStdString() + ".pt", given, {memory, batch});
    }

    at::Tensor array(const std::string& key) const {
        const Array* found = arrays.find(key);
        if (!found)
            throw Error(key, "the case has no such array", "run make.py");
        return toTensor(*found);
    }

    /// All float, with these slots at T and F.
    Formats formats(const std::vector<std::string>& paths = {}, int total = 6, int fraction = 3) const {
        Formats result = session->floatFormats();
        for (const std::string& path : paths) {
            bool found = false;
            for (std::size_t i = 0; i < result.size(); ++i) {
                if (session->slots()[i].path == path) {
                    result[i].totalBits = total;
                    result[i].fractionalBits = fraction;
                    found = true;
                }
            }
            if (!found)
                throw Error(path, "there is no such slot", {});
        }
        return result;
    }

    /// Empty, or how the outputs differ from the arrays `key`, `key_1`, …: by more than 1e-5 of the largest value.
    QString difference(const std::string& key, bool fromFloat) const {
        const NamedArrays outputs = session->outputs(fromFloat);
        std::size_t wanted = 0;
        while (arrays.find(wanted == 0 ? key : key + "_" + std::to_string(wanted)))
            ++wanted;
        if (outputs.items.size() != wanted)
            return QString("%1 outputs for %2").arg(outputs.items.size()).arg(wanted);
        for (std::size_t i = 0; i < wanted; ++i) {
            const at::Tensor right = array(i == 0 ? key : key + "_" + std::to_string(i));
            const at::Tensor got = toTensor(outputs.items[i].second);
            if (got.sizes() != right.sizes())
                return QString("output %1 has another shape").arg(i);
            const double error = (got - right).abs().max().item<double>();
            const double largest = right.abs().max().item<double>();
            if (!(error <= 1e-5 * largest)) // NaN is a difference
                return QString("output %1 is wrong by %2 of %3").arg(i).arg(error).arg(largest);
        }
        return {};
    }

    QString differenceOfRun(const Formats& formats, const std::string& key) const {
        if (!session->run(formats))
            return "stopped";
        return difference(key, false);
    }

    std::unique_ptr<Session> session;
    NamedArrays arrays;
};

/// What `body` says, or what it throws: a row that throws must not end the rows after it.
template <class Body> QString problemOf(Body body) {
    try {
        return body();
    } catch (const Error& error) {
        return QString::fromStdString("Error at \"" + error.where + "\": " + error.problem);
    } catch (const std::exception& error) {
        return QString("exception: ") + error.what();
    }
}

/// The float run, the run with all formats float, with the input's format, and with that taken back.
QString problemOfRuns(const Opened& opened) {
    QStringList problems;
    const auto note = [&](const char* what, const QString& problem) {
        if (!problem.isEmpty())
            problems << QString("%1: %2").arg(what, problem);
    };
    note("float", opened.difference("expected", true));
    note("formats float", opened.differenceOfRun(opened.formats(), "expected"));
    note("input quantized", opened.differenceOfRun(opened.formats({kInput}), "expected_q6"));
    note("float again", opened.differenceOfRun(opened.formats(), "expected"));
    return problems.join("; ");
}

} // namespace

void TestIdioms::filesAreRight_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("arrays");
    const Json groups = test::readJson(kFolder + "cases.json");
    for (const auto& group : groups.items()) {
        for (const auto& item : group.value().items()) {
            for (const Json& form : item.value()["forms"])
                QTest::addRow("%s, %s", item.key().c_str(), form.get<std::string>().c_str())
                    << QString::fromStdString(item.key() + "." + form.get<std::string>() + ".pt")
                    << QString::fromStdString(item.key() + ".npz");
        }
    }
}

/// This LibTorch, without its optimizer, computes from the file what PyTorch did.
void TestIdioms::filesAreRight() {
    QFETCH(QString, file);
    QFETCH(QString, arrays);
    const torch::jit::GraphOptimizerEnabledGuard noOptimizer(false);
    const at::NoGradGuard noGrad;
    const NamedArrays given = readNpz(kFolder + arrays.toStdString());
    open(file.toStdString()); // gives LibTorch the operators that it lacks
    const at::IValue result = torch::jit::load(kFolder + file.toStdString()).forward({toTensor(*given.find("x"))});
    std::vector<at::Tensor> tensors;
    const std::function<void(const at::IValue&)> collect = [&](const at::IValue& value) {
        if (value.isTensor())
            tensors.push_back(value.toTensor());
        else if (value.isTuple())
            std::ranges::for_each(value.toTupleRef().elements(), collect);
        else
            for (const auto& entry : value.toGenericDict())
                collect(entry.value());
    };
    collect(result);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const Array* right = given.find(i == 0 ? "expected" : "expected_" + std::to_string(i));
        QVERIFY(right);
        QVERIFY(at::allclose(tensors[i], toTensor(*right), 0, 1e-5 * toTensor(*right).abs().max().item<double>()));
    }
}

void TestIdioms::followsItsInputs_data() {
    addRows("idioms", kBatches);
}

void TestIdioms::followsItsInputs() {
    QCOMPARE(problemOf([] { return problemOfRuns(Opened()); }), QString());
}

void TestIdioms::timeIsNotSamples_data() {
    addRows("time_first", {{"by five", {kMuchMemory, 5}}, {"one by one", {kMuchMemory, 1}}, {"no memory", {1, 0}}});
}

void TestIdioms::timeIsNotSamples() {
    QCOMPARE(problemOf([] { return problemOfRuns(Opened()); }), QString());
}

void TestIdioms::shapesThatDependOnValues_data() {
    addRows("value_shapes", kBatches);
}

/// A format that selects other elements than float does gives what PyTorch gives, or an error with a path; and that
/// where an operator's tensor has then another size than in float. One that selects the same must compute.
void TestIdioms::shapesThatDependOnValues() {
    QFETCH(QString, name);
    const bool mustFail = casesOf("value_shapes")[name.toStdString()]["error"];
    const auto body = [&]() -> QString {
        const Opened opened;
        QStringList problems;
        problems << opened.difference("expected", true);
        problems << opened.differenceOfRun(opened.formats(), "expected");
        problems << opened.differenceOfRun(opened.formats({kInput}, 24, 16), "expected");
        try {
            problems << opened.differenceOfRun(opened.formats({kInput}), "expected_q6");
            if (mustFail)
                problems << "tensors of two sizes were compared";
        } catch (const Error& error) {
            if (error.where.empty())
                problems << "an error without a path";
        }
        problems << opened.differenceOfRun(opened.formats(), "expected"); // the session is as it was
        problems.removeAll(QString());
        return problems.join("; ");
    };
    QCOMPARE(problemOf(body), QString());
}

void TestIdioms::pathsAreUnique_data() {
    addRows("paths", {{"whole", {kMuchMemory, 0}}});
}

/// Tensors that share a path share a format and are one slot: so the paths must differ, and none may be missing.
void TestIdioms::pathsAreUnique() {
    QFETCH(QString, name);
    const Json wanted = casesOf("paths")[name.toStdString()];
    const auto body = [&]() -> QString {
        const Opened opened;
        QStringList layers, parameters;
        for (const LayerSpec& layer : opened.session->layers())
            layers << QString::fromStdString(layer.name);
        for (const SlotInfo& slot : opened.session->slots()) {
            if (slot.parameter && !slot.absent)
                parameters << QString::fromStdString(slot.path);
        }
        QStringList problems;
        const auto require = [&](QStringList paths, qsizetype count) {
            const QString text = paths.join(", ");
            if (paths.removeDuplicates() > 0 || paths.size() != count)
                problems << QString("%1 expected: %2").arg(count).arg(text);
        };
        require(layers, wanted["layers"].get<qsizetype>());
        require(parameters, wanted["parameters"].get<qsizetype>());
        problems << problemOfRuns(opened);
        problems.removeAll(QString());
        return problems.join("; ");
    };
    QCOMPARE(problemOf(body), QString());
}

void TestIdioms::notFiniteSamples_data() {
    addRows("nan_samples", {{"whole", {kMuchMemory, 0}}, {"one by one", {kMuchMemory, 1}}});
}

void TestIdioms::notFiniteSamples() {
    QFETCH(QString, name);
    const NamedArrays arrays = readNpz(kFolder + name.toStdString() + ".npz");
    const at::Tensor x = toTensor(*arrays.find("x"));
    const at::Tensor expected = toTensor(*arrays.find("expected"));
    QMap<QString, QString> right;
    const Json wanted = casesOf("nan_samples")[name.toStdString()]["layers"];
    for (const auto& item : wanted.items())
        right[QString::fromStdString(item.key())] = QString::fromStdString(item.value().get<std::string>());

    const float inf = std::numeric_limits<float>::infinity();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<std::map<std::int64_t, float>> spoilt{
        {}, {{0, nan}}, {{0, inf}}, {{0, -inf}, {1, nan}}, {{3, nan}, {4, inf}}, {{5, nan}}};
    for (std::size_t k = 0; k < spoilt.size(); ++k) {
        const QString problem = problemOf([&]() -> QString {
            at::Tensor samples = x.clone();
            for (const auto& [row, value] : spoilt[k])
                samples[row][2].fill_(value);
            const Opened opened(samples, {});
            QMap<QString, QString> layers;
            for (const LayerSpec& layer : opened.session->layers())
                layers[QString::fromStdString(layer.name)] = QString::fromStdString(layer.type);
            if (layers != right)
                return "other layers: " + QStringList(layers.values()).join(", ");
            for (const ModuleInfo& module : opened.session->modules()) {
                if (!module.note.empty())
                    return QString::fromStdString(module.path + ": " + module.note);
            }
            const at::Tensor got = toTensor(opened.session->outputs(true).items[0].second);
            for (std::int64_t row = 0; row < x.size(0); ++row) {
                if (!spoilt[k].contains(row) && !at::allclose(got[row], expected[row], 0, 1e-5))
                    return QString("sample %1 is wrong").arg(row);
            }
            return {};
        });
        QVERIFY2(problem.isEmpty(), qPrintable(QString("samples %1: %2").arg(k).arg(problem)));
    }
}

void TestIdioms::constantIndicesKeepTheTable_data() {
    addRows("constant_embedding", kBatches);
}

void TestIdioms::constantIndicesKeepTheTable() {
    QFETCH(QString, name);
    const auto paths = casesOf("constant_embedding")[name.toStdString()]["slots"].get<std::vector<std::string>>();
    const auto body = [&]() -> QString {
        const Opened opened;
        QStringList problems;
        for (const SlotInfo& slot : opened.session->slots()) {
            if (std::ranges::find(paths, slot.path) != paths.end() && (slot.role != Role::Weight || !slot.parameter))
                problems << QString::fromStdString(slot.path) + " is not a weight";
        }
        problems << problemOfRuns(opened);
        problems << opened.differenceOfRun(opened.formats(paths), "expected_weights_q6");
        problems.removeAll(QString());
        return problems.join("; ");
    };
    QCOMPARE(problemOf(body), QString());
}

void TestIdioms::accuracyNeedsARowForEachLabel_data() {
    addRows("accuracy_rows", {{"whole", {kMuchMemory, 0}}, {"by five", {kMuchMemory, 5}}});
}

void TestIdioms::accuracyNeedsARowForEachLabel() {
    QFETCH(QString, name);
    const bool fits = casesOf("accuracy_rows")[name.toStdString()]["accuracy"];
    const auto body = [&]() -> QString {
        std::vector<std::int32_t> labels;
        for (std::int32_t i = 0; i < 12; ++i)
            labels.push_back(i % 4);
        const Opened opened({}, labels);
        const RunSnapshot result = opened.session->run(opened.formats({kInput}));
        const Predictions& predictions = result->predictions;
        if (!fits)
            return predictions.accuracyFloat() || predictions.accuracyFixed() ? "an accuracy is claimed" : "";
        const at::Tensor right = at::arange(12).remainder(4);
        const auto accuracy = [&](const std::string& key) {
            return opened.array(key).argmax(1).eq(right).to(at::kDouble).mean().item<double>();
        };
        if (predictions.accuracyFloat() != accuracy("expected") ||
            predictions.accuracyFixed() != accuracy("expected_q6"))
            return "another accuracy";
        return {};
    };
    QCOMPARE(problemOf(body), QString());
}

QTEST_GUILESS_MAIN(TestIdioms)
#include "tst_idioms.moc"
