#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <ATen/ATen.h>

#include <QMap>
#include <QTest>

#include <algorithm>

using namespace fxp;
using namespace fxp::quant;
using test::Json;

/// Small files of every layer type: what they compute, and which layers they are recognised as.
class TestRecognition : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void recognised_data();
    void recognised();
    void foldsBatchNorm_data();
    void foldsBatchNorm();
    void foldsNothingElse();
};

namespace {

const std::string kFolder = std::string(FXP_TEST_DATA) + "/recognition/";

} // namespace

void TestRecognition::recognised_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("name");
    const Json cases = test::readJson(kFolder + "cases.json");
    for (const auto& item : cases.items()) {
        for (const char* kind : {"traced", "scripted"})
            QTest::addRow("%s, %s", item.key().c_str(), kind)
                << QString("%1.%2.pt").arg(QString::fromStdString(item.key()), kind)
                << QString::fromStdString(item.key());
    }
}

void TestRecognition::recognised() {
    QFETCH(QString, file);
    QFETCH(QString, name);
    const Json wanted = test::readJson(kFolder + "cases.json")[name.toStdString()];
    const NamedArrays arrays = readNpz(kFolder + name.toStdString() + ".npz");
    Samples samples;
    for (const Json& input : wanted["inputs"])
        samples.inputs.items.emplace_back(input, *arrays.find(input.get<std::string>()));

    auto session = openModel(kFolder + file.toStdString());
    QVERIFY(session->setSamples(samples));
    QMap<QString, QString> layers, expected;
    for (const LayerSpec& layer : session->layers())
        layers[QString::fromStdString(layer.name)] = QString::fromStdString(layer.type);
    for (const auto& item : wanted["layers"].items())
        expected[QString::fromStdString(item.key())] = QString::fromStdString(item.value().get<std::string>());
    QCOMPARE(layers, expected);
    for (const ModuleInfo& module : session->modules())
        QVERIFY2(module.note.empty(), (module.path + ": " + module.note).c_str());

    const NamedArrays outputs = session->outputs(true);
    for (const auto& [output, array] : outputs.items) {
        const at::Tensor got = toTensor(array), right = toTensor(*arrays.find(output));
        QCOMPARE(got.sizes().vec(), right.sizes().vec());
        QVERIFY((got - right).abs().max().item<double>() <= 1e-5 * right.abs().max().item<double>());
    }

    // Wide formats everywhere come near to float: each slot lies where its tensor is.
    BitBudget bits;
    bits.weights = bits.activations = bits.biases = 20;
    bits.accumulators = 40;
    const auto formats = session->calibrate(startingFormats(session->slots(), bits), {});
    const RunSnapshot run = session->run(*formats);
    QVERIFY(run->complete);
    for (const OutputResult& output : run->outputs)
        QVERIFY2(output.sqnr > 60, qPrintable(QString::number(output.sqnr)));
}

void TestRecognition::foldsBatchNorm_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("norm");
    QTest::addColumn<QString>("layer");
    for (const char* kind : {"traced", "scripted"}) {
        QTest::addRow("transposed, in groups, %s", kind) << QString("convolutions_2d.%1.pt").arg(kind) << "net.1"
                                                         << "net.0";
        QTest::addRow("three dimensions, %s", kind) << QString("convolutions_3d.%1.pt").arg(kind) << "net.1"
                                                    << "net.0";
    }
}

void TestRecognition::foldsBatchNorm() {
    QFETCH(QString, file);
    QFETCH(QString, norm);
    QFETCH(QString, layer);
    auto session = openModel(kFolder + file.toStdString());
    const NamedArrays arrays = readNpz(kFolder + file.section('.', 0, 0).toStdString() + ".npz");
    QVERIFY(session->setSamples({{{{"x", *arrays.find("x")}}}, {}}));
    QCOMPARE(session->foldableBatchNorms(), std::vector<std::string>{norm.toStdString()});
    const auto slotsBefore = session->slots();
    QVERIFY(session->setFoldedBatchNorms({norm.toStdString()}));
    for (const SlotInfo& slot : session->slots())
        QVERIFY(slot.layerPath != norm.toStdString());
    const NamedArrays outputs = session->outputs(true);
    const at::Tensor got = toTensor(outputs.items[0].second), right = toTensor(*arrays.find("output_0"));
    QVERIFY((got - right).abs().max().item<double>() <= 1e-5 * right.abs().max().item<double>());
    // Exact arithmetic as in any such layer.
    BitBudget bits;
    bits.accumulators = 32;
    const RunSnapshot run = session->run(*session->calibrate(startingFormats(session->slots(), bits), {}));
    const auto accumulator = std::ranges::find(session->slots(), layer.toStdString() + ".accumulator", &SlotInfo::path);
    QVERIFY(accumulator != session->slots().end());
    QVERIFY(run->accumulators[static_cast<std::size_t>(accumulator - session->slots().begin())].worstBits > 16);

    QVERIFY(session->setFoldedBatchNorms({}));
    QVERIFY(session->slots() == slotsBefore);
}

void TestRecognition::foldsNothingElse() {
    auto session = openModel(kFolder + "convolutions_3d.traced.pt");
    const NamedArrays arrays = readNpz(kFolder + "convolutions_3d.npz");
    QVERIFY(session->setSamples({{{{"x", *arrays.find("x")}}}, {}}));
    const auto slotsBefore = session->slots();
    try {
        session->setFoldedBatchNorms({"net.2"});
        QFAIL("folded");
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("net.2"));
    }
    QVERIFY(session->slots() == slotsBefore);
}

QTEST_GUILESS_MAIN(TestRecognition)
#include "tst_recognition.moc"
