#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <ATen/ATen.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <set>

using namespace fxp;
using namespace fxp::quant;
using test::Json;

/// ONNX files: outputs, slot paths, and what is refused. What the files of tests/data/onnx must give is NumPy's.
class TestOnnx : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void smallFile_data();
    void smallFile();
    void realFile_data();
    void realFile();
    void samePathsAsTorchScript_data();
    void samePathsAsTorchScript();
    void otherNumbersOfSamples();
    void formatsOfTheFile_data();
    void formatsOfTheFile();
    void inputsOfTheFile();
    void refused_data();
    void refused();
    void cutOff();
};

namespace {

std::string folder() {
    return test::goldenFolder() + "/../onnx/";
}

void compare(const NamedArrays& got, const NamedArrays& expected, double tolerance) {
    QCOMPARE(got.items.size(), expected.items.size());
    for (const auto& [name, array] : expected.items) {
        const Array* own = got.find(name);
        QVERIFY2(own, name.c_str());
        QVERIFY2(own->shape == array.shape, name.c_str());
        QVERIFY2(own->type == array.type, name.c_str());
        const at::Tensor a = toTensor(*own).to(at::kDouble), b = toTensor(array).to(at::kDouble);
        if (a.numel() > 0)
            QVERIFY2((a - b).abs().max().item<double>() <= tolerance * std::max(b.abs().max().item<double>(), 1e-30),
                     name.c_str());
    }
}

QStringList slotPaths(const Session& session) {
    QStringList paths;
    for (const SlotInfo& slot : session.slots())
        paths << QString::fromStdString(slot.path);
    return paths;
}

Samples samplesOf(const std::string& file) {
    return {readNpz(file), {}};
}

/// The network's samples. The voice detector's ONNX file takes what its TorchScript keeps: the sound before, and a
/// state.
Samples realSamples(const std::string& home) {
    NamedArrays inputs = readNpz(home + "/inputs.npz");
    if (!QString::fromStdString(home).endsWith("silero_vad"))
        return {std::move(inputs), {}};
    const Array sound = inputs.items.at(0).second;
    std::vector<float> padded(64, 0.0F);
    padded.insert(padded.end(), sound.floats(), sound.floats() + sound.count());
    const auto length = static_cast<std::int64_t>(padded.size());
    return {{{{"input", Array::ofFloats({1, length}, padded)},
              {"state", Array::ofFloats({2, 1, 128}, std::vector<float>(256, 0.0F))},
              {"sr", Array::ofIntegers({}, {16000})}}},
            {}};
}

/// A file may give more than the network's own results: its next state.
NamedArrays onlyThoseOf(const NamedArrays& all, const NamedArrays& expected) {
    NamedArrays some;
    for (const auto& item : all.items) {
        if (expected.find(item.first))
            some.items.push_back(item);
    }
    return some;
}

/// 8 bits for every tensor, by its range.
NamedArrays quantizedOutputs(Session& session) {
    session.run(*session.calibrate(startingFormats(session.slots(), {}), {}));
    return session.outputs();
}

QStringList comparedPaths(const Session& session) {
    QStringList paths;
    for (const SlotInfo& slot : session.slots()) {
        if (slot.layerType != "dropout")
            paths << QString::fromStdString(slot.path) + " " + QString::fromStdString(slot.layerType);
    }
    paths.sort();
    return paths;
}

} // namespace

void TestOnnx::smallFile_data() {
    QTest::addColumn<QStringList>("slotsWanted");
    const Json cases = test::readJson(folder() + "cases.json"); // outlives the loop over its items
    for (const auto& [name, item] : cases.items()) {
        QStringList wanted;
        for (const Json& slot : item["slots"])
            wanted << QString::fromStdString(slot);
        QTest::newRow(name.c_str()) << wanted;
    }
}

void TestOnnx::smallFile() {
    QFETCH(QStringList, slotsWanted);
    const std::string name = folder() + QTest::currentDataTag();
    auto session = openModel(name + ".onnx");
    QVERIFY(session->setSamples(samplesOf(name + ".inputs.npz")));
    compare(session->outputs(true), readNpz(name + ".outputs.npz"), 2e-6);
    const QStringList paths = slotPaths(*session);
    for (const QString& slot : slotsWanted)
        QVERIFY2(paths.contains(slot), qPrintable(slot + " is not one of " + paths.join(' ')));
    QVERIFY(session->run(session->floatFormats())->complete);
}

void TestOnnx::realFile_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<double>("tolerance");
    for (const Json& item : test::readJson(test::modelFolder() + "/manifest.json")) {
        const QDir network(QString::fromStdString(test::modelFolder() + "/" + item["name"].get<std::string>()));
        for (const QString& name : network.entryList({"*.onnx"}))
            QTest::addRow("%s/%s", qPrintable(network.dirName()), qPrintable(name))
                << network.filePath(name) << item["tolerance"].get<double>();
    }
}

void TestOnnx::realFile() {
    QFETCH(QString, file);
    QFETCH(double, tolerance);
    const std::string home = QFileInfo(file).path().toStdString();
    auto session = openModel(file.toStdString());
    QVERIFY(session->setSamples(realSamples(home)));
    const NamedArrays got = session->outputs(true), expected = readNpz(home + "/outputs.npz");
    compare(onlyThoseOf(got, expected), expected, tolerance);
    const RunSnapshot result = session->run(session->floatFormats());
    QVERIFY(result->complete);
    QVERIFY(result->outputs[0].mse == 0);
}

void TestOnnx::samePathsAsTorchScript_data() {
    QTest::addColumn<QString>("file");
    for (const Json& item : test::readJson(test::modelFolder() + "/manifest.json")) {
        const QDir network(QString::fromStdString(test::modelFolder() + "/" + item["name"].get<std::string>()));
        if (!network.exists("traced.pt"))
            continue;
        for (const QString& name : network.entryList({"*.onnx"}))
            QTest::addRow("%s/%s", qPrintable(network.dirName()), qPrintable(name)) << network.filePath(name);
    }
}

/// Dropout leaves nothing behind in an ONNX file, and batch norms after convolutions are folded; all else has its
/// TorchScript's path and gives its bits when it is quantized.
void TestOnnx::samePathsAsTorchScript() {
    QFETCH(QString, file);
    const std::string home = QFileInfo(file).path().toStdString();
    auto onnx = openModel(file.toStdString()), traced = openModel(home + "/traced.pt");
    QVERIFY(onnx->setSamples(samplesOf(home + "/inputs.npz")));
    QVERIFY(traced->setSamples(samplesOf(home + "/inputs.npz")));
    const QStringList paths = comparedPaths(*onnx);
    std::set<std::string> folded;
    for (const std::string& norm : traced->foldableBatchNorms()) {
        if (!paths.contains(QString::fromStdString(norm + ".running_var")))
            folded.insert(norm);
    }
    if (!folded.empty())
        QVERIFY(traced->setFoldedBatchNorms(folded));
    QCOMPARE(paths, comparedPaths(*traced));
    compare(quantizedOutputs(*onnx), quantizedOutputs(*traced), 0);
}

/// Shapes that follow the inputs' are no numbers of the recording: other samples, in batches, compute the same.
void TestOnnx::otherNumbersOfSamples() {
    const std::string name = folder() + "shapes_from_shapes";
    SessionOptions options;
    options.batchSize = 2;
    auto session = openModel(name + ".onnx", options);
    QVERIFY(session->setSamples(samplesOf(name + ".inputs.npz")));
    compare(session->outputs(true), readNpz(name + ".outputs.npz"), 2e-6);
}

void TestOnnx::formatsOfTheFile_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("slot");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("fraction"); // −99: scaled
    QTest::addColumn<double>("scale"); // of the last channel
    QTest::addColumn<int>("zero");
    QTest::addColumn<int>("axis");
    const auto row = [](const char* name, const char* slot, int bits, int fraction, double scale, int zero, int axis) {
        QTest::addRow("%s: %s", name, slot)
            << QString(name) << QString(slot) << bits << fraction << scale << zero << axis;
    };
    row("qdq", "conv.input", 8, -99, 0.03, -3, -1);
    row("qdq", "conv.weight", 8, -99, 0.015, 0, 0);
    row("qdq", "conv.bias", 32, -99, 0.0004, 0, -1);
    row("qdq", "fc.input", 8, -99, 1.0 / 16, -128, -1); // uint8 from 0
    row("qdq", "fc.weight", 8, -99, 0.01, 0, -1);       // uint8 around 128
    row("qdq", "fc.activation", 8, 1, 0, 0, -1);
    row("qonnx", "fc.input", 3, -99, 0.3, -4, -1);
    row("qonnx", "fc.weight", 4, 3, 0, 0, -1);
}

void TestOnnx::formatsOfTheFile() {
    QFETCH(QString, name);
    QFETCH(QString, slot);
    QFETCH(int, bits);
    QFETCH(int, fraction);
    QFETCH(double, scale);
    QFETCH(int, zero);
    QFETCH(int, axis);
    const std::string file = folder() + name.toStdString();
    auto session = openModel(file + ".onnx");
    QVERIFY(session->setSamples(samplesOf(file + ".inputs.npz")));
    const Formats formats = session->fileFormats();
    const auto found = std::ranges::find(session->slots(), slot.toStdString(), &SlotInfo::path);
    QVERIFY(found != session->slots().end());
    const QType& format = formats[static_cast<std::size_t>(found - session->slots().begin())];
    QCOMPARE(format.totalBits.value_or(0), bits);
    QCOMPARE(format.fractionalBits.value_or(-99), fraction);
    QCOMPARE(format.affine.has_value(), fraction == -99);
    if (format.affine) {
        QCOMPARE(static_cast<float>(format.affine->scale.back()), static_cast<float>(scale));
        QCOMPARE(format.affine->zeroPoint.back(), zero);
        QCOMPARE(format.affine->axis, axis);
    }
    QVERIFY(session->run(formats)->complete);
    compare(session->outputs(), readNpz(file + ".fixed.npz"), 2e-6);
}

/// Names, shapes and types come from the file, so that random samples need nothing else.
void TestOnnx::inputsOfTheFile() {
    auto session = openModel(folder() + "types.onnx");
    QCOMPARE(session->arguments().size(), std::size_t{2});
    QCOMPARE(session->arguments()[1].name, std::string("k"));
    QVERIFY(session->arguments()[1].shape == (std::vector<std::int64_t>{-1, 4}));
    QVERIFY(session->arguments()[1].whole && !session->arguments()[0].whole);
    const Samples samples = session->randomSamples(7, {});
    QVERIFY(samples.inputs.items[1].second.type == ElementType::Int64);
    QVERIFY(samples.inputs.items[1].second.shape == (std::vector<std::int64_t>{16, 4}));
    QVERIFY(session->setSamples(samples));
    QVERIFY(session->run(session->floatFormats())->complete);
}

void TestOnnx::refused_data() {
    QTest::addColumn<QString>("says");
    QTest::newRow("bad_cycle") << "depends on itself";
    QTest::newRow("bad_missing") << "nowhere: is read, and neither computed";
    QTest::newRow("bad_twice") << "is computed by two nodes";
    QTest::newRow("bad_domain") << "com.vendor.FancyGate in gate";
    QTest::newRow("bad_operator") << "Bernoulli";
    QTest::newRow("bad_size") << "impossible shape";
    QTest::newRow("bad_negative") << "impossible shape";
    QTest::newRow("bad_bytes") << "has 4 bytes where its shape needs 24";
    QTest::newRow("bad_double") << "beyond those of float32";
    QTest::newRow("bad_text") << "string";
    QTest::newRow("bad_shape") << "impossible shape";
    QTest::newRow("bad_external_above") << "outside the model's folder";
    QTest::newRow("bad_external_absolute") << "outside the model's folder";
    QTest::newRow("bad_external_short") << "does not have its 24 bytes";
    QTest::newRow("bad_external_lost") << "is not there";
}

void TestOnnx::refused() {
    QFETCH(QString, says);
    const std::string file = folder() + QTest::currentDataTag() + ".onnx";
    try {
        auto session = openModel(file);
        session->setSamples({{{{"x", Array::ofFloats({1, 2}, {1, 2})}}}, {}});
        QFAIL("opened");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains(says), error.what());
    }
}

void TestOnnx::cutOff() {
    QFile real(QString::fromStdString(folder() + "lstm.onnx"));
    QVERIFY(real.open(QIODevice::ReadOnly));
    const QByteArray whole = real.readAll();
    QTemporaryDir home;
    const QString file = home.filePath("model.onnx");
    for (qsizetype length = 4; length < whole.size(); length += 61) {
        QFile out(file);
        QVERIFY(out.open(QIODevice::WriteOnly));
        out.write(whole.left(length));
        out.close();
        try {
            openModel(file.toStdString());
            QFAIL(qPrintable(QString("%1 bytes were opened").arg(length)));
        } catch (const Error& error) {
            QCOMPARE(QString::fromStdString(error.where), file);
        }
    }
}

QTEST_GUILESS_MAIN(TestOnnx)
#include "tst_onnx.moc"
