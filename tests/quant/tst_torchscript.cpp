#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <ATen/ATen.h>

#include <QDir>
#include <QFile>
#include <QSet>
#include <QTemporaryDir>
#include <QTest>

#include <fstream>

using namespace fxp;
using namespace fxp::quant;
using test::Json;

/// Real TorchScript files: module paths, float outputs, and the layers that they are recognised as.
class TestTorchScript : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void realFile_data();
    void realFile();
    void layersAreRecognised_data();
    void layersAreRecognised();
    void samePathsInEveryFile_data();
    void samePathsInEveryFile();
    void badFile_data();
    void badFile();
    void wrongShape();
    void missingInput();
    void everyForm_data();
    void everyForm();
    void methods();
};

namespace {

Samples samplesOf(const std::string& folder, const Json& network) {
    Samples samples{readNpz(folder + "/inputs.npz"), {}};
    for (const auto& [name, input] : network["inputs"].items()) {
        if (input.contains("value"))
            samples.inputs.items.emplace_back(name, Array::ofIntegers({}, {input["value"].get<std::int64_t>()}));
    }
    return samples;
}

Samples digits(const std::string& name) {
    return {readNpz(test::modelFolder() + "/" + name + "/inputs.npz"), {}};
}

QStringList slotPaths(const Session& session) {
    QStringList paths;
    for (const SlotInfo& slot : session.slots())
        paths << QString::fromStdString(slot.path);
    return paths;
}

} // namespace

void TestTorchScript::realFile_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<int>("network");
    const Json manifest = test::readJson(test::modelFolder() + "/manifest.json");
    for (std::size_t i = 0; i < manifest.size(); ++i) {
        const QDir folder(QString::fromStdString(test::modelFolder() + "/" + manifest[i]["name"].get<std::string>()));
        for (const QString& name : folder.entryList({"*.pt", "*.jit"})) {
            if (name != "frozen.pt" && !name.contains("half"))
                QTest::addRow("%s/%s", qPrintable(folder.dirName()), qPrintable(name))
                    << folder.filePath(name) << static_cast<int>(i);
        }
    }
}

void TestTorchScript::realFile() {
    QFETCH(QString, file);
    QFETCH(int, network);
    const Json item = test::readJson(test::modelFolder() + "/manifest.json")[static_cast<std::size_t>(network)];
    const std::string folder = test::modelFolder() + "/" + item["name"].get<std::string>();
    auto session = openModel(file.toStdString());
    QSet<QString> paths;
    for (const ModuleInfo& module : session->modules())
        paths << QString::fromStdString(module.path);
    for (const Json& module : item["modules"])
        QVERIFY2(paths.contains(QString::fromStdString(module["path"])), module.dump().c_str());

    QVERIFY(session->setSamples(samplesOf(folder, item)));
    const NamedArrays outputs = session->outputs(true), expected = readNpz(folder + "/outputs.npz");
    const double tolerance = item["tolerance"];
    for (const auto& [name, array] : expected.items) {
        const Array* got = outputs.find(name);
        QVERIFY(got);
        QVERIFY(got->shape == array.shape);
        const at::Tensor a = toTensor(*got), b = toTensor(array);
        QVERIFY((a - b).abs().max().item<double>() <= tolerance * b.abs().max().item<double>());
    }
    // All float: the quantized run is the float run.
    const RunSnapshot result = session->run(session->floatFormats());
    QVERIFY(result->complete);
    QVERIFY(result->outputs[0].mse == 0);
}

void TestTorchScript::layersAreRecognised_data() {
    QTest::addColumn<QString>("file");
    for (const char* file : {"traced.pt", "scripted.pt", "traced_by_1.13.pt", "scripted_by_1.13.pt"})
        QTest::newRow(file) << file;
}

void TestTorchScript::layersAreRecognised() {
    QFETCH(QString, file);
    auto session = openModel(test::modelFolder() + "/digits_transformer/" + file.toStdString());
    QVERIFY(session->setSamples(digits("digits_transformer")));
    QMap<QString, QString> types;
    for (const LayerSpec& layer : session->layers())
        types[QString::fromStdString(layer.name)] = QString::fromStdString(layer.type);
    QCOMPARE(types["stem.0"], QString("conv2d"));
    QCOMPARE(types["embed"], QString("linear"));
    QCOMPARE(types["encoder.layers.0"], QString("transformer_encoder_layer"));
    QCOMPARE(types["encoder.layers.1"], QString("transformer_encoder_layer"));
    QCOMPARE(types["norm"], QString("layer_norm"));
    QCOMPARE(types["head"], QString("linear"));
    QVERIFY(slotPaths(*session).contains("encoder.layers.1.self_attn.qlinear.weight"));
}

void TestTorchScript::samePathsInEveryFile_data() {
    QTest::addColumn<QString>("network");
    for (const char* name : {"digits_transformer", "digits_postnorm", "digits_cnn"})
        QTest::newRow(name) << name;
}

void TestTorchScript::samePathsInEveryFile() {
    QFETCH(QString, network);
    QStringList first;
    for (const char* file : {"traced.pt", "scripted.pt", "traced_by_1.13.pt", "scripted_by_1.13.pt"}) {
        auto session = openModel(test::modelFolder() + "/" + network.toStdString() + "/" + file);
        QVERIFY(session->setSamples(digits(network.toStdString())));
        if (first.isEmpty())
            first = slotPaths(*session);
        QCOMPARE(slotPaths(*session), first);
    }
}

void TestTorchScript::badFile_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("says");
    QFile real(QString::fromStdString(test::modelFolder() + "/digits_cnn/traced.pt"));
    QVERIFY(real.open(QIODevice::ReadOnly));
    const QByteArray whole = real.readAll();
    QTest::newRow("empty") << QByteArray() << "is empty";
    QTest::newRow("text") << QByteArray("hello, this is no model") << "not a TorchScript";
    QTest::newRow("truncated") << whole.left(whole.size() / 2) << "cannot be read";
    QTest::newRow("zip of nothing") << QByteArray("PK\x05\x06") + QByteArray(18, '\0') << "cannot be read";
}

void TestTorchScript::badFile() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, says);
    QTemporaryDir folder;
    const QString file = folder.filePath("model.pt");
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write(bytes);
    out.close();
    try {
        openModel(file.toStdString());
        QFAIL("opened");
    } catch (const Error& error) {
        QCOMPARE(QString::fromStdString(error.where), file);
        QVERIFY2(QString(error.what()).contains(says), error.what());
    }
}

void TestTorchScript::wrongShape() {
    auto session = openModel(test::modelFolder() + "/digits_cnn/scripted.pt");
    QVERIFY(session->setSamples(digits("digits_cnn")));
    const std::size_t count = session->slots().size();
    try {
        session->setSamples({{{{"image", Array::ofFloats({2, 3}, {1, 2, 3, 4, 5, 6})}}}, {}});
        QFAIL("taken");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains("conv1"), error.what());
    }
    QCOMPARE(session->slots().size(), count); // as it was
    QVERIFY(session->run(session->floatFormats()));
}

void TestTorchScript::missingInput() {
    auto session = openModel(test::modelFolder() + "/silero_vad/silero_vad.jit");
    try {
        session->setSamples({readNpz(test::modelFolder() + "/silero_vad/inputs.npz"), {}});
        QFAIL("taken");
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("sr"));
    }
}

void TestTorchScript::everyForm_data() {
    QTest::addColumn<QStringList>("modules");
    QTest::addColumn<QStringList>("lines");
    const QStringList modules{"blocks.0.fc1", "blocks.1.fc2", "head"};
    // The model's own line stands at a layer of torch.nn, not the line of torch.nn that computes.
    const QStringList lines{"in blocks.0.fc1 at make.py:24", "in blocks.1.fc2 at make.py:25", "in add at make.py:36",
                            "in head at make.py:38"};
    for (const char* version : {"1.8", "2.13"}) {
        QTest::addRow("by_%s.traced", version) << modules << lines;
        // PyTorch 1.8 tells no line of the calls themselves.
        QTest::addRow("by_%s.scripted", version)
            << modules << (version == std::string("1.8") ? QStringList{"in add at make.py:36"} : lines);
        QTest::addRow("by_%s.frozen_traced", version) << QStringList() << QStringList{"at make.py:24", "at make.py:36"};
        QTest::addRow("by_%s.frozen_scripted", version)
            << QStringList() << QStringList{"at make.py:24", "at make.py:36"};
    }
    QTest::newRow("by_2.13.half") << modules << lines;
    QTest::newRow("by_2.13.bfloat16") << modules << lines;
    QTest::newRow("by_2.13.frozen_half") << QStringList() << QStringList{"at make.py:36"};
    QTest::newRow("by_2.13.one_method") << QStringList{"net.blocks.0.fc1", "net.head"}
                                        << QStringList{"in net.head at make.py:38"};
}

void TestTorchScript::everyForm() {
    QFETCH(QStringList, modules);
    QFETCH(QStringList, lines);
    const std::string folder = test::modelFolder() + "/../torchscript/";
    auto session = openModel(folder + QTest::currentDataTag() + ".pt");
    NamedArrays inputs = readNpz(folder + "net.npz");
    const at::Tensor wanted = toTensor(*inputs.find("output_0"));
    std::erase_if(inputs.items, [](const auto& item) { return item.first != "x"; });
    QVERIFY(session->setSamples({inputs, {}}));
    const at::Tensor got = toTensor(*session->outputs(true).find("output_0"));
    QVERIFY(got.sizes() == wanted.sizes());
    QVERIFY((got - wanted).abs().max().item<double>() <= 1e-6);
    QSet<QString> paths;
    for (const LayerSpec& layer : session->layers())
        paths << QString::fromStdString(layer.name);
    for (const QString& module : modules)
        QVERIFY2(paths.contains(module), qPrintable(module));
    const QString program = QString::fromStdString(session->programText());
    for (const QString& line : lines)
        QVERIFY2(program.contains(line), qPrintable(line + "\n" + program));
}

void TestTorchScript::methods() {
    const std::string folder = test::modelFolder() + "/../torchscript/", file = folder + "by_2.13.methods.pt";
    const auto refusal = [](const auto& run) {
        try {
            run();
        } catch (const Error& error) {
            return QString(error.what());
        }
        return QString();
    };
    NamedArrays inputs = readNpz(folder + "net.npz");
    const at::Tensor wanted = toTensor(*inputs.find("output_0"));
    std::erase_if(inputs.items, [](const auto& item) { return item.first != "x"; });
    const QString open = refusal([&] { openModel(file)->setSamples({inputs, {}}); });
    QVERIFY2(open.contains("decode and encode"), qPrintable(open));
    const QString other = refusal([&] { openModel(file, {}, {}, {}, "forward"); });
    QVERIFY2(other.contains("no method forward") && other.contains("decode and encode"), qPrintable(other));

    auto encoder = openModel(file, {}, {}, {}, "encode");
    QVERIFY(encoder->setSamples({inputs, {}}));
    const NamedArrays codes = encoder->outputs(true);
    auto decoder = openModel(file, {}, {}, {}, "decode");
    NamedArrays between;
    between.items.emplace_back("y", *codes.find("output_0"));
    QVERIFY(decoder->setSamples({between, {}}));
    QVERIFY((toTensor(*decoder->outputs(true).find("output_0")) - wanted).abs().max().item<double>() <= 1e-6);
}

QTEST_GUILESS_MAIN(TestTorchScript)
#include "tst_torchscript.moc"
