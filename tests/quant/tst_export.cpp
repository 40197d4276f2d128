#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/import/python_numbers.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <ATen/ATen.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <zip.h>

using namespace fxp;
using namespace fxp::quant;
using test::Json;

/// Files of torch.export: what they compute, the layers that they are recognised as, and what is refused of them.
class TestExport : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void computes_data();
    void computes();
    void sameAsTorchScript_data();
    void sameAsTorchScript();
    void everyLayout_data();
    void everyLayout();
    void realNetwork_data();
    void realNetwork();
    void inputs();
    void fixedSamples();
    void fixedInput();
    void numbers_data();
    void numbers();
    void damaged_data();
    void damaged();
    void damagedBytes();
};

namespace {

const std::string kFolder = std::string(FXP_TEST_DATA) + "/exports/";

/// The arrays that are inputs, and those that are outputs.
std::pair<NamedArrays, NamedArrays> caseOf(const std::string& name) {
    std::pair<NamedArrays, NamedArrays> parts;
    for (auto& item : readNpz(kFolder + name + ".npz").items)
        (item.first.starts_with("output_") ? parts.second : parts.first).items.push_back(item);
    return parts;
}

void compare(const NamedArrays& got, const NamedArrays& expected, double tolerance) {
    for (const auto& [name, array] : expected.items) {
        const Array* own = got.find(name);
        QVERIFY2(own, name.c_str());
        QVERIFY2(own->shape == array.shape, name.c_str());
        const at::Tensor a = toTensor(*own), b = toTensor(array);
        QVERIFY2((a - b).abs().max().item<double>() <= tolerance * b.abs().max().item<double>(), name.c_str());
    }
}

QStringList slotPaths(const Session& session) {
    QStringList paths;
    for (const SlotInfo& slot : session.slots())
        paths << QString::fromStdString(slot.path);
    paths.sort();
    return paths;
}

/// 8 bits for every tensor, by its range.
NamedArrays quantizedOutputs(Session& session) {
    session.run(*session.calibrate(startingFormats(session.slots(), {}), {}));
    return session.outputs();
}

QByteArray read(const std::string& file) {
    QFile in(QString::fromStdString(file));
    return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray();
}

/// The file with one entry of its archive replaced, or, without bytes, left out.
void rewrite(const std::string& from, const QString& to, const std::string& entry,
             const std::function<std::optional<QByteArray>(QByteArray)>& change) {
    QVERIFY(QFile::copy(QString::fromStdString(from), to));
    QFile(to).setPermissions(QFile::ReadOwner | QFile::WriteOwner);
    zip_t* archive = zip_open(to.toUtf8().constData(), 0, nullptr);
    QVERIFY(archive);
    QByteArray kept; // until the archive is closed
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
        const auto index = static_cast<zip_uint64_t>(i);
        if (!QString::fromUtf8(zip_get_name(archive, index, 0)).endsWith(QString::fromStdString(entry)))
            continue;
        zip_stat_t stat;
        zip_stat_index(archive, index, 0, &stat);
        QByteArray bytes(static_cast<qsizetype>(stat.size), '\0');
        zip_file_t* file = zip_fopen_index(archive, index, 0);
        zip_fread(file, bytes.data(), stat.size);
        zip_fclose(file);
        const auto changed = change(bytes);
        if (changed) {
            kept = *changed;
            zip_file_replace(archive, index,
                             zip_source_buffer(archive, kept.constData(), static_cast<zip_uint64_t>(kept.size()), 0),
                             0);
        } else {
            zip_delete(archive, index);
        }
        break;
    }
    QCOMPARE(zip_close(archive), 0);
}

} // namespace

void TestExport::computes_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("name");
    for (const QString& file : QDir(QString::fromStdString(kFolder)).entryList({"*.pt2"})) {
        if (!file.startsWith("layout"))
            QTest::newRow(qPrintable(file)) << file << file.section('.', 0, 0);
    }
}

void TestExport::computes() {
    QFETCH(QString, file);
    QFETCH(QString, name);
    const auto [inputs, outputs] = caseOf(name.toStdString());
    auto session = openModel(kFolder + file.toStdString());
    QVERIFY(session->setSamples({inputs, {}}));
    compare(session->outputs(true), outputs, 1e-5);
    const RunSnapshot result = session->run(session->floatFormats());
    QVERIFY(result->complete);
    compare(session->outputs(), session->outputs(true), 0);
}

void TestExport::sameAsTorchScript_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("kind");
    for (const char* name : {"functions", "recurrent", "attention", "in_place"}) {
        for (const char* kind : {"pt2", "decomposed.pt2"}) {
            // Decomposed, a write in place is one no longer: `fill` becomes a choice among values.
            if (QString(name) != "in_place" || QString(kind) == "pt2")
                QTest::addRow("%s.%s", name, kind) << name << kind;
        }
    }
}

void TestExport::sameAsTorchScript() {
    QFETCH(QString, name);
    QFETCH(QString, kind);
    const NamedArrays inputs = caseOf(name.toStdString()).first;
    auto traced = openModel(kFolder + name.toStdString() + ".traced.pt");
    QVERIFY(traced->setSamples({inputs, {}}));
    auto exported = openModel(kFolder + name.toStdString() + "." + kind.toStdString());
    QVERIFY(exported->setSamples({inputs, {}}));
    QCOMPARE(slotPaths(*exported), slotPaths(*traced));
    compare(quantizedOutputs(*exported), quantizedOutputs(*traced), 0);
}

void TestExport::everyLayout_data() {
    QTest::addColumn<QString>("file");
    for (const QString& file : QDir(QString::fromStdString(kFolder)).entryList({"layout_*.pt2"}))
        QTest::newRow(qPrintable(file)) << file;
}

void TestExport::everyLayout() {
    QFETCH(QString, file);
    const auto [inputs, outputs] = caseOf("layout");
    auto session = openModel(kFolder + file.toStdString());
    QCOMPARE(session->arguments().size(), std::size_t(1));
    QCOMPARE(session->arguments()[0].name, std::string("image"));
    QVERIFY(session->arguments()[0].shape == (std::vector<std::int64_t>{-1, 1, 6, 6}));
    QVERIFY(session->setSamples({inputs, {}}));
    compare(session->outputs(true), outputs, 1e-5);
    QMap<QString, QString> types;
    for (const LayerSpec& layer : session->layers())
        types[QString::fromStdString(layer.name)] = QString::fromStdString(layer.type);
    QCOMPARE(types["conv"], QString("conv2d"));
    QCOMPARE(types["shared"], QString("linear"));
    QCOMPARE(types["head"], QString("linear"));
    QStringList modules;
    for (const ModuleInfo& module : session->modules())
        modules << QString::fromStdString(module.path + ":" + module.className);
    QVERIFY2(modules.contains("norm:torch.nn.batchnorm.BatchNorm2d"), qPrintable(modules.join(' ')));
    // The line of the model's own source stands at its steps.
    QVERIFY(session->programText().find("make.py:") != std::string::npos);
}

void TestExport::realNetwork_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<int>("network");
    const Json manifest = test::readJson(test::modelFolder() + "/manifest.json");
    for (std::size_t i = 0; i < manifest.size(); ++i) {
        const QDir folder(QString::fromStdString(test::modelFolder() + "/" + manifest[i]["name"].get<std::string>()));
        for (const QString& name : folder.entryList({"*.pt2"}))
            QTest::addRow("%s/%s", qPrintable(folder.dirName()), qPrintable(name))
                << folder.filePath(name) << static_cast<int>(i);
    }
}

void TestExport::realNetwork() {
    QFETCH(QString, file);
    QFETCH(int, network);
    const Json item = test::readJson(test::modelFolder() + "/manifest.json")[static_cast<std::size_t>(network)];
    const std::string folder = test::modelFolder() + "/" + item["name"].get<std::string>();
    const Samples samples{readNpz(folder + "/inputs.npz"), {}};
    auto session = openModel(file.toStdString());
    QStringList paths;
    for (const ModuleInfo& module : session->modules())
        paths << QString::fromStdString(module.path);
    for (const Json& module : item["modules"])
        QVERIFY2(paths.contains(QString::fromStdString(module["path"])), module.dump().c_str());
    QVERIFY(session->setSamples(samples));
    compare(session->outputs(true), readNpz(folder + "/outputs.npz"), item["tolerance"].get<double>());
    auto traced = openModel(folder + "/traced.pt");
    QVERIFY(traced->setSamples(samples));
    QCOMPARE(slotPaths(*session), slotPaths(*traced));
    compare(quantizedOutputs(*session), quantizedOutputs(*traced), 0);
}

void TestExport::inputs() {
    auto session = openModel(kFolder + "attention.pt2");
    QVERIFY(session->arguments()[1].shape == (std::vector<std::int64_t>{3, 6, 8}));
    NamedArrays inputs = caseOf("attention").first;
    inputs.items[1].second = Array::ofFloats({3, 2, 4}, std::vector<float>(24, 1));
    try {
        session->setSamples({inputs, {}});
        QFAIL("taken");
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("memory"));
        QVERIFY2(QString(error.what()).contains("[3, 6, 8]"), error.what());
    }
}

void TestExport::fixedSamples() {
    auto session = openModel(kFolder + "recurrent.pt2"); // its states begin as zeros for five samples
    try {
        session->setSamples({{{{"x", Array::ofFloats({2, 4, 3}, std::vector<float>(24, 1))}}}, {}});
        QFAIL("taken");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains("exported for 5 samples"), error.what());
    }
}

void TestExport::fixedInput() {
    auto session = openModel(kFolder + "fixed.pt2");
    NamedArrays inputs = caseOf("fixed").first;
    QVERIFY(session->setSamples({inputs, {}}));
    inputs.items.emplace_back("times", Array::ofIntegers({}, {2}));
    QVERIFY(session->setSamples({inputs, {}}));
    inputs.items.back().second = Array::ofIntegers({}, {3});
    try {
        session->setSamples({inputs, {}});
        QFAIL("taken");
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("times"));
    }
}

void TestExport::numbers_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<qint64>("a");
    QTest::addColumn<qint64>("b");
    QTest::addColumn<QString>("expected"); // empty: refused
    QTest::newRow("floor of a negative") << "_operator.floordiv" << qint64(-7) << qint64(2) << "-4";
    QTest::newRow("rest of a negative") << "_operator.mod" << qint64(-7) << qint64(3) << "2";
    QTest::newRow("rest by a negative") << "_operator.mod" << qint64(7) << qint64(-3) << "-2";
    QTest::newRow("product") << "_operator.mul" << qint64(6) << qint64(7) << "42";
    QTest::newRow("product beyond int64") << "_operator.mul" << (qint64(1) << 40) << (qint64(1) << 40) << "";
    QTest::newRow("by zero") << "_operator.floordiv" << qint64(1) << qint64(0) << "";
    QTest::newRow("power") << "_operator.pow" << qint64(3) << qint64(4) << "81";
    QTest::newRow("power of −1") << "_operator.pow" << qint64(-1) << qint64(1000000001) << "-1";
    QTest::newRow("power beyond int64") << "_operator.pow" << qint64(10) << qint64(19) << "";
    QTest::newRow("largest") << "torch.sym_max" << qint64(3) << qint64(5) << "5";
    QTest::newRow("shift to the left") << "_operator.lshift" << qint64(5) << qint64(4) << "80";
    QTest::newRow("shift") << "_operator.rshift" << qint64(40) << qint64(3) << "5";
}

void TestExport::numbers() {
    QFETCH(QString, name);
    QFETCH(qint64, a);
    QFETCH(qint64, b);
    QFETCH(QString, expected);
    try {
        const auto result = pythonNumber(name.toStdString(), {std::int64_t{a}, std::int64_t{b}});
        QVERIFY(result && result->isInt());
        QCOMPARE(QString::number(result->toInt()), expected);
    } catch (const Error&) {
        QVERIFY(expected.isEmpty());
    }
}

void TestExport::damaged_data() {
    QTest::addColumn<QString>("entry");
    QTest::addColumn<QByteArray>("from"); // of the text; empty: of the whole entry
    QTest::addColumn<QByteArray>("to");   // empty: the entry is left out
    QTest::addColumn<QString>("says");
    const char* config = "model_weights_config.json";
    const char* model = "models/model.json";
    QTest::newRow("no weights") << config << QByteArray() << QByteArray() << "has no weights";
    QTest::newRow("no data of a weight") << "weights/weight_0" << QByteArray() << QByteArray() << "has no data";
    QTest::newRow("short data") << "weights/weight_0" << QByteArray() << QByteArray("1234") << "reaches beyond";
    QTest::newRow("odd data") << "weights/weight_0" << QByteArray() << QByteArray("12345") << "not 1 elements";
    QTest::newRow("size beyond the data") << config << QByteArray("{\"as_int\": 4}")
                                          << QByteArray("{\"as_int\": 400000000000}") << "larger than the file";
    QTest::newRow("negative size") << config << QByteArray("{\"as_int\": 4}") << QByteArray("{\"as_int\": -4}")
                                   << "larger than the file";
    QTest::newRow("size as a fraction") << config << QByteArray("{\"as_int\": 4}") << QByteArray("{\"as_int\": 4.0}")
                                        << "where an integer should be";
    QTest::newRow("offset beyond the data")
        << config << QByteArray("\"storage_offset\": {\"as_int\": 0}")
        << QByteArray("\"storage_offset\": {\"as_int\": 9223372036854775807}") << "stride";
    QTest::newRow("unknown type") << config << QByteArray("\"dtype\": 7") << QByteArray("\"dtype\": 77") << "type 77";
    QTest::newRow("no JSON") << model << QByteArray() << QByteArray("[") << "not JSON";
    QTest::newRow("no graph") << model << QByteArray("\"graph\"") << QByteArray("\"grph\"") << "has no graph";
    QTest::newRow("unknown operator") << model << QByteArray("aten.hardswish.default")
                                      << QByteArray("aten.softswish.default") << "aten::softswish (act)";
    QTest::newRow("operator on files") << model << QByteArray("aten.hardswish.default")
                                       << QByteArray("aten.from_file.default") << "aten::from_file";
    QTest::newRow("value from nowhere") << model << QByteArray("\"outputs\": [{\"as_tensor\": {\"name\": \"conv2d\"}}]")
                                        << QByteArray("\"outputs\": [{\"as_tensor\": {\"name\": \"nobody\"}}]")
                                        << "not computed";
    QTest::newRow("too deep") << model << QByteArray() << QByteArray(100, '[') << "nested more than 64";
}

void TestExport::damaged() {
    QFETCH(QString, entry);
    QFETCH(QByteArray, from);
    QFETCH(QByteArray, to);
    QFETCH(QString, says);
    QTemporaryDir folder;
    const QString file = folder.filePath("model.pt2");
    bool found = false;
    rewrite(kFolder + "layout_2.13.pt2", file, entry.toStdString(), [&](QByteArray bytes) -> std::optional<QByteArray> {
        found = from.isEmpty() || bytes.contains(from);
        if (from.isEmpty())
            return to.isEmpty() ? std::nullopt : std::optional(to);
        return bytes.replace(from, to);
    });
    QVERIFY(found);
    try {
        auto session = openModel(file.toStdString());
        session->setSamples({caseOf("layout").first, {}});
        QFAIL("taken");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains(says), error.what());
    }
}

/// Whatever is done to the bytes, the file opens or is refused by an Error.
void TestExport::damagedBytes() {
    const QByteArray whole = read(kFolder + "fixed.pt2");
    QTemporaryDir folder;
    const QString file = folder.filePath("model.pt2");
    const auto tryBytes = [&](const QByteArray& bytes) {
        QFile out(file);
        QVERIFY(out.open(QIODevice::WriteOnly | QIODevice::Truncate));
        out.write(bytes);
        out.close();
        try {
            openModel(file.toStdString());
        } catch (const Error&) {
        }
    };
    for (qsizetype length = 4; length < whole.size(); length += whole.size() / 40)
        tryBytes(whole.left(length));
    std::uint32_t random = 7;
    for (int round = 0; round < 300; ++round) {
        QByteArray bytes = whole;
        for (int i = 0; i < 3; ++i) {
            random = random * 1664525 + 1013904223;
            bytes[static_cast<qsizetype>(random >> 8) % bytes.size()] = static_cast<char>(random >> 3);
        }
        tryBytes(bytes);
    }
}

QTEST_GUILESS_MAIN(TestExport)
#include "tst_export.moc"
