#include "quant/core/integer_bits.h"
#include "quant/core/one_line.h"
#include "quant/io/npz.h"
#include "support/golden.h"

#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

#include <filesystem>

using namespace fxp;
using test::Json;

/// Debian's own, which has its packages whatever environment is active.
constexpr auto kPython = "/usr/bin/python3";

/// The program as a script calls it: exit status, one line of error, files.
class TestCli : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void info();
    void weightsAlone();
    void calibrateAndRun();
    void stateAndNumbers();
    void randomInputs();
    void versionStandsOnce();
    void aQConfigByHand();
    void infiniteDifferences();
    void linesForTerminals_data();
    void linesForTerminals();
    void exports();
    void fails_data();
    void fails();
    void schemas();

  private:
    struct Result {
        int code;
        QByteArray out, err;
    };
    static Result run(const QStringList& arguments);
    static void write(const QString& file, const QByteArray& bytes) {
        QFile out(file);
        QVERIFY(out.open(QIODevice::WriteOnly) && out.write(bytes) == bytes.size());
    }
    static bool canCheckSchemas();
    static void checkSchema(const QString& name, const QString& document);
    static QString model(const QString& path) { return QString::fromStdString(test::modelFolder()) + "/" + path; }
    QTemporaryDir m_files;
};

TestCli::Result TestCli::run(const QStringList& arguments) {
    QProcess process;
    process.start(FXP_PROGRAM, arguments);
    if (!process.waitForFinished(120'000))
        return {-1, {}, "timed out"};
    return {process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
}

void TestCli::info() {
    const Result text =
        run({"info", model("digits_transformer/traced.pt"), "--inputs", model("digits_transformer/inputs.npz")});
    QCOMPARE(text.code, 0);
    QVERIFY(text.out.contains("encoder.layers.1.linear1.activation"));
    const Result json =
        run({"info", model("digits_transformer/traced.pt"), "--inputs", "random", "--shape", "2x1x8x8", "--json"});
    QCOMPARE(json.code, 0);
    const Json tree = Json::parse(json.out.toStdString());
    QVERIFY(tree["modules"].size() > 25);
    QVERIFY(tree["tensors"].size() > 100);
}

void TestCli::weightsAlone() {
    const QString weights = model("digits_cnn/state_dict.pth"), q = m_files.filePath("weights.json");
    QCOMPARE(run({"calibrate", weights, "-o", q, "--weight-bits", "6"}).code, 0);
    const Json config = test::readJson(q.toStdString());
    QCOMPARE(config["extensions"]["conv1.weight"]["total_bits"].get<int>(), 6);
    const Result refused = run({"run", weights, "--qconfig", q});
    QCOMPARE(refused.code, 1);
    QVERIFY(refused.err.contains("holds weights and no program"));
    // As a source of weights they are the model's own.
    const QStringList common{"run", model("digits_cnn/traced.pt"), "--inputs", model("digits_cnn/inputs.npz"),
                             "--json"};
    const Result plain = run(common), given = run(common + QStringList{"--weights", weights});
    QCOMPARE(given.code, 0);
    QCOMPARE(given.out, plain.out);
    QCOMPARE(run({"run", model("digits_cnn/traced.pt")}).code, 1);
}

void TestCli::calibrateAndRun() {
    const QString inputs = model("digits_transformer/inputs.npz"), q = m_files.filePath("q.json");
    const QString file = model("digits_transformer/scripted.pt");
    const Result calibrated =
        run({"calibrate", file, "--inputs", inputs, "-o", q, "--weight-bits", "7", "--activation-bits", "9",
             "--bias-bits", "12", "--method", "min_mse", "--same", "wb,qkv"});
    QCOMPARE(calibrated.code, 0);
    const Json config = test::readJson(q.toStdString());
    QCOMPARE(config["layers"]["embed"]["input"]["total_bits"].get<int>(), 9);
    QCOMPARE(config["layers"]["embed"]["weight"].dump(), config["layers"]["embed"]["bias"].dump());
    const QStringList common{"run",       file, "--inputs", inputs,
                             "--qconfig", q,    "--labels", model("digits_transformer/labels.npy")};
    const QString report = m_files.filePath("r.json"), log = m_files.filePath("l.json"),
                  outputs = m_files.filePath("o.npz"), page = m_files.filePath("r.html"),
                  table = m_files.filePath("r.csv");
    const Result ran = run(common + QStringList{"--report", report, "--html", page, "--csv", table, "--log", log,
                                                "--outputs", outputs, "--json"});
    QCOMPARE(ran.code, 0);
    const Json figures = test::readJson(report.toStdString());
    const auto content = [](const QString& name) {
        QFile opened(name);
        return opened.open(QIODevice::ReadOnly) ? opened.readAll() : QByteArray();
    };
    const QByteArray html = content(page), csv = content(table);
    QCOMPARE(html.count("<section"), qsizetype(figures["tensors"].size()));
    QVERIFY(html.contains(QByteArray::fromStdString(figures["model"]["sha256"])) && html.size() < 5'000'000);
    QCOMPARE(csv.count('\n'), qsizetype(figures["tensors"].size()) + 1);
    QCOMPARE(Json::parse(ran.out.toStdString()).dump(), figures.dump());
    QVERIFY(figures["accuracy_fixed"].get<double>() > 0.9);
    QVERIFY(figures["tensors"].contains("head.activation"));
    QVERIFY(test::readJson(log.toStdString()).contains("encoder.layers.0.ffn.linear1.weight_quant"));
    const auto arrays = quant::readNpz(outputs.toStdString());
    QVERIFY((arrays.find("output_0")->shape == std::vector<std::int64_t>{397, 10}));
    // The same again gives the same bits, with another count of threads too.
    const Result again = run(common + QStringList{"--json", "--threads", "1"});
    QCOMPARE(again.out, ran.out);
}

void TestCli::stateAndNumbers() {
    const QString file = model("silero_vad/silero_vad.jit"), inputs = model("silero_vad/inputs.npz");
    const Result result =
        run({"run", file, "--inputs", inputs, "--set", "sr=16000", "--outputs", m_files.filePath("o.npz")});
    QCOMPARE(result.code, 0);
    const auto got = quant::readNpz(m_files.filePath("o.npz").toStdString());
    const auto expected = quant::readNpz(model("silero_vad/outputs.npz").toStdString());
    QVERIFY(std::abs(got.find("output_0")->floats()[0] - expected.find("output_0")->floats()[0]) < 1e-4);
}

void TestCli::randomInputs() {
    const QString file = model("digits_cnn/traced.pt");
    const QStringList shape{"--shape", "4x1x8x8", "--json"};
    const Result one = run(QStringList{"run", file, "--inputs", "random:3"} + shape);
    QCOMPARE(one.code, 0);
    QCOMPARE(run(QStringList{"run", file, "--inputs", "random:3"} + shape).out, one.out);
    QVERIFY(run(QStringList{"run", file, "--inputs", "random:4"} + shape).out != one.out);
    QCOMPARE(run({"run", file, "--inputs", "random", "--shape", "image=4x1x8x8"}).code, 0);
}

void TestCli::versionStandsOnce() {
    // The version as the build's root file has it.
    QFile project(FXP_SOURCE_DIR "/CMakeLists.txt");
    QVERIFY(project.open(QIODevice::ReadOnly));
    const auto match = QRegularExpression(R"(project\(fxp-workbench VERSION (\d+\.\d+\.\d+))").match(project.readAll());
    QVERIFY(match.hasMatch());
    QCOMPARE(run({"--version"}).out.trimmed(), "fxp " + match.captured(1).toUtf8());
    const Result report =
        run({"run", model("digits_cnn/traced.pt"), "--inputs", "random", "--shape", "2x1x8x8", "--json"});
    QCOMPARE(Json::parse(report.out.toStdString())["program"].get<std::string>(),
             "fxp-workbench " + match.captured(1).toStdString());
}

void TestCli::aQConfigByHand() {
    const QString file = model("digits_cnn/traced.pt"), inputs = model("digits_cnn/inputs.npz");
    const QString q = m_files.filePath("whole.json"), hand = m_files.filePath("hand.json");
    QCOMPARE(run({"calibrate", file, "--inputs", inputs, "-o", q}).code, 0);
    Json json = test::readJson(q.toStdString());
    json.erase("model");
    write(hand, QByteArray::fromStdString(json.dump()));
    const Result whole = run({"run", file, "--inputs", inputs, "--qconfig", q, "--json"});
    const Result byHand = run({"run", file, "--inputs", inputs, "--qconfig", hand, "--json"});
    QCOMPARE(byHand.code, 0);
    QCOMPARE(byHand.out, whole.out);
    QCOMPARE(whole.err, QByteArray());
    QVERIFY2(byHand.err.startsWith("fxp: note: ") && byHand.err.contains("hand.json"), byHand.err);
    QCOMPARE(byHand.err.count('\n'), 1);
}

void TestCli::infiniteDifferences() {
    const QString file = model("digits_cnn/traced.pt"), inputs = model("digits_cnn/inputs.npz");
    const QString log = m_files.filePath("log.json"), found = m_files.filePath("differences.json");
    QCOMPARE(run({"run", file, "--inputs", inputs, "--log", log, "--log-values"}).code, 0);
    Json json = test::readJson(log.toStdString());
    Json* value = &json["conv1.weight"]["value"];
    while (value->is_array())
        value = &(*value)[0];
    *value = "-Infinity";
    value = &json["bn1.weight"]["value"][0];
    *value = "NaN";
    write(log, QByteArray::fromStdString(json.dump()));
    const Result result = run({"run", file, "--inputs", inputs, "--compare-log", log, "--json"});
    QCOMPARE(result.code, 1);
    int seen = 0;
    for (const Json& entry : Json::parse(result.out.toStdString())) {
        if (entry["result"] != "values")
            continue;
        QCOMPARE(entry["largest"].get<std::string>(), std::string(entry["key"] == "conv1.weight" ? "Infinity" : "NaN"));
        ++seen;
    }
    QCOMPARE(seen, 2);
    write(found, result.out);
    checkSchema("log_comparison", found);
}

void TestCli::exports() {
    const QString file = model("digits_cnn/traced.pt"), inputs = model("digits_cnn/inputs.npz"),
                  q = m_files.filePath("export.json"), folder = m_files.filePath("exported"),
                  types = m_files.filePath("types.h");
    QCOMPARE(run({"calibrate", file, "--inputs", inputs, "-o", q, "--weight-bits", "7"}).code, 0);
    const QStringList common{file, "--inputs", inputs, "--qconfig", q};
    const Result memory =
        run(QStringList{"export", "memory"} + common + QStringList{"-o", folder, "--golden", "1,3-4", "--json"});
    QVERIFY2(memory.code == 0, memory.err);
    const Json sidecar = Json::parse(memory.out.toStdString());
    QCOMPARE(sidecar["golden"]["samples"].dump(), std::string("[1,3,4]"));
    QVERIFY(QFile::exists(folder + "/fc_weight.mem"));
    QVERIFY(QFile::exists(folder + "/golden/fc_activation.mem"));
    const auto contentOf = [](const QString& name) {
        QFile in(name);
        return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray();
    };
    // The QConfig that it names is the one that calibration wrote.
    QCOMPARE(contentOf(folder + "/qconfig.json"), contentOf(q));

    QCOMPARE(run(QStringList{"export", "types"} + common + QStringList{"-o", types}).code, 0);
    QVERIFY(contentOf(types).contains("typedef sc_dt::sc_fixed<7,"));
    // Refused in one line that names the tensors; the rest is written where it is asked for.
    QByteArray other = contentOf(q);
    const qsizetype weight = other.indexOf("\"q_method\": 2", other.indexOf("\"weight\""));
    other.replace(weight, 13, "\"q_method\": \"CEIL_SATURATE\"");
    write(q, other);
    QFile::remove(types);
    const Result refused = run(QStringList{"export", "types"} + common + QStringList{"-o", types});
    QCOMPARE(refused.code, 1);
    QVERIFY(refused.err.contains("conv1.weight (ap_fixed: rounds by CEIL)") && refused.err.count('\n') == 1);
    QVERIFY(!QFile::exists(types));
    const Result rest = run(QStringList{"export", "types"} + common + QStringList{"-o", types, "--leave-out"});
    QCOMPARE(rest.code, 0);
    QVERIFY(rest.err.contains("left out: conv1.weight (sc_fixed: rounds by CEIL)"));
    QVERIFY(contentOf(types).contains("/* none for conv1.weight: rounds by CEIL */"));
    // Nothing that is read is written over, and samples exist.
    QDir().mkpath(m_files.filePath("own"));
    const QString own = m_files.filePath("own/qconfig.json");
    QFile::copy(q, own);
    for (const auto& [arguments, says] :
         {std::pair{QStringList{file, "--inputs", inputs, "--qconfig", own, "-o", m_files.filePath("own")},
                    "is also the file of --qconfig"},
          {common + QStringList{"-o", folder, "--golden", "100000"}, "there is no sample 100000"},
          {common + QStringList{"-o", folder, "--golden", "1;2"}, "no number of a sample"},
          {common + QStringList{"-o", q + "/x"}, "cannot be made"}}) {
        const Result result = run(QStringList{"export", "memory"} + arguments);
        QCOMPARE(result.code, 1);
        QVERIFY2(result.err.contains(says), result.err);
    }
    QCOMPARE(contentOf(own), contentOf(q));
}

void TestCli::fails_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    const QString file = model("digits_cnn/traced.pt"), inputs = model("digits_cnn/inputs.npz");
    QTest::newRow("no command") << QStringList{} << 2 << "";
    QTest::newRow("unknown command") << QStringList{"fly"} << 2 << "";
    QTest::newRow("export of what") << QStringList{"export", file} << 2 << "";
    QTest::newRow("unknown kind") << QStringList{"export", "memory", file,      "--qconfig", "q",
                                                 "-o",     "o",      "--kinds", "hex"}
                                  << 2 << "";
    QTest::newRow("unknown option") << QStringList{"info", file, "--fast"} << 2 << "";
    QTest::newRow("bits out of range") << QStringList{"calibrate", file, "--inputs",      inputs,
                                                      "-o",        "q",  "--weight-bits", "65"}
                                       << 2 << "";
    QTest::newRow("unknown method") << QStringList{"calibrate", file, "--inputs", inputs, "-o", "q", "--method", "best"}
                                    << 2 << "";
    QTest::newRow("no such model") << QStringList{"info", "/no/such.pt"} << 1 << "/no/such.pt";
    QTest::newRow("no such inputs") << QStringList{"run", file, "--inputs", "/no/such.npz"} << 1 << "/no/such.npz";
    QTest::newRow("inputs of another shape")
        << QStringList{"run", file, "--inputs", model("digits_cnn/labels.npy")} << 1 << "conv1";
    QTest::newRow("labels of another count")
        << QStringList{"run",     file,      "--inputs", "random",
                       "--shape", "2x1x8x8", "--labels", model("digits_cnn/labels.npy")}
        << 1 << "labels";
    // No shape is searched for by running the model.
    QTest::newRow("random without a shape")
        << QStringList{"run", file, "--inputs", "random"} << 1 << "image: has no shape";
    QTest::newRow("random with another's shape")
        << QStringList{"run",     model("silero_vad/silero_vad.jit"), "--inputs", "random", "--shape", "sr=1", "--set",
                       "sr=16000"}
        << 1 << "x: has no shape";
    QTest::newRow("no QConfig") << QStringList{"run", file, "--inputs", inputs, "--qconfig", file} << 1 << "not JSON";
    QTest::newRow("a QConfig without an end")
        << QStringList{"run", file, "--inputs", inputs, "--qconfig", "/dev/zero"} << 1 << "not a regular file";
    QTest::newRow("a folder for a log") << QStringList{"run", file, "--inputs", inputs, "--compare-log", "/tmp"} << 1
                                        << "is a folder";
    QTest::newRow("a report into a device")
        << QStringList{"run", file, "--inputs", inputs, "--report", "/dev/null"} << 1 << "not a regular file";
    QTest::newRow("missing number") << QStringList{"run", model("silero_vad/silero_vad.jit"), "--inputs",
                                                   model("silero_vad/inputs.npz")}
                                    << 1 << "sr";
    // Never over what is read: the files are copies that the test would spoil.
    const QString own = m_files.filePath("own.pt"), array = m_files.filePath("own.npz"),
                  hard = m_files.filePath("hard.npz"), soft = m_files.filePath("soft.npz");
    for (const QString& each : {own, array, hard, soft})
        QFile::remove(each);
    QFile::copy(file, own);
    QFile::copy(inputs, array);
    QFile::link(array, soft);
    std::filesystem::create_hard_link(array.toStdString(), hard.toStdString());
    const QString same = "is also the file of ";
    QTest::newRow("over the model") << QStringList{"calibrate", own, "--inputs", array, "-o", own} << 1
                                    << same + "the model";
    QTest::newRow("over the inputs") << QStringList{"run", own, "--inputs", array, "--report", array} << 1
                                     << same + "--inputs";
    QTest::newRow("over the inputs, by another path")
        << QStringList{"run", own, "--inputs", array, "--outputs", m_files.path() + "/./own.npz"} << 1
        << same + "--inputs";
    QTest::newRow("over the inputs, by a link")
        << QStringList{"run", own, "--inputs", array, "--log", soft} << 1 << same + "--inputs";
    QTest::newRow("over the inputs, by a hard link")
        << QStringList{"run", own, "--inputs", hard, "--log", array} << 1 << same + "--inputs";
    QTest::newRow("two outputs in one") << QStringList{"run",      own,
                                                       "--inputs", array,
                                                       "--log",    m_files.filePath("new"),
                                                       "--report", m_files.path() + "//new"}
                                        << 1 << same + "--report";
    QTest::newRow("a shape beyond any memory")
        << QStringList{"run", own, "--inputs", "random", "--shape", "9223372036854775807x2"} << 1 << "more values";
    QTest::newRow("a number beyond float32")
        << QStringList{"info", own, "--inputs", array, "--set", "a=1e300"} << 1 << "no number";
    QTest::newRow("no place to write") << QStringList{"calibrate", file, "--inputs", inputs, "-o", "/no/such/q.json"}
                                       << 1 << "/no/such/q.json";
}

void TestCli::fails() {
    QFETCH(QStringList, arguments);
    QFETCH(int, code);
    QFETCH(QString, says);
    const Result result = run(arguments);
    QCOMPARE(result.code, code);
    QVERIFY2(result.err.contains(says.toUtf8()), result.err);
    if (code == 1)
        QCOMPARE(result.err.count('\n'), 1);
}

void TestCli::linesForTerminals_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("line");
    QTest::newRow("plain") << QByteArray("encoder.0 × ∞ 中 😀") << QByteArray("encoder.0 × ∞ 中 😀");
    QTest::newRow("escape") << QByteArray("a\x1b[2Jb") << QByteArray("a [2Jb");
    QTest::newRow("lines") << QByteArray("a\nb\r\tc\x7f") << QByteArray("a b  c ");
    QTest::newRow("the second set") << QByteArray("a\xc2\x9b") + "31m" << QByteArray("a 31m");
    QTest::newRow("direction of writing") << QByteArray("a\xe2\x80\xae\xe2\x81\xa6") + "b" << QByteArray("a  b");
    QTest::newRow("not UTF-8") << QByteArray("a\x9b\xff\xe2\x82") << QByteArray("a????");
    QTest::newRow("a long form") << QByteArray("\xc0\x9b\xe0\x80\x9b") << QByteArray("?????");
    QTest::newRow("a zero") << QByteArray("a\0b", 3) << QByteArray("a b");
}

void TestCli::linesForTerminals() {
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, line);
    QCOMPARE(QByteArray::fromStdString(oneLine(text.toStdString())), line);
}

bool TestCli::canCheckSchemas() {
    QProcess probe;
    probe.start(kPython, {"-c", "import jsonschema"});
    return probe.waitForFinished() && probe.exitStatus() == QProcess::NormalExit && probe.exitCode() == 0;
}

void TestCli::checkSchema(const QString& name, const QString& document) {
    if (!canCheckSchemas())
        QSKIP("needs python3-jsonschema");
    QProcess check;
    check.start(kPython, {"-c",
                          "import json,sys,jsonschema; jsonschema.validate(json.load(open(sys.argv[2])), "
                          "json.load(open(sys.argv[1])))",
                          QStringLiteral(FXP_SOURCE_DIR "/resources/schemas/%1.schema.json").arg(name), document});
    QVERIFY(check.waitForFinished(60'000));
    QVERIFY2(check.exitCode() == 0, check.readAllStandardError());
}

void TestCli::schemas() {
    const QString file = model("digits_postnorm/traced.pt"), inputs = model("digits_postnorm/inputs.npz");
    const QString q = m_files.filePath("sq.json"), r = m_files.filePath("sr.json"), i = m_files.filePath("si.json"),
                  l = m_files.filePath("sl.json"), t = m_files.filePath("st.json");
    QCOMPARE(run({"calibrate", file, "--inputs", inputs, "-o", q}).code, 0);
    QCOMPARE(run({"run", file, "--inputs", inputs, "--qconfig", q, "--report", r, "--log", l}).code, 0);
    write(i, run({"info", file, "--inputs", inputs, "--json"}).out);
    write(t, run({"finetune", file, "--inputs", inputs, "--labels", model("digits_postnorm/labels.npy"), "--qconfig", q,
                  "-o", m_files.filePath("tuned.safetensors"), "--epochs", "1", "--json"})
                 .out);
    const QString m = m_files.filePath("integers/memory.json");
    QCOMPARE(run({"export", "memory", file, "--inputs", inputs, "--qconfig", q, "-o", m_files.filePath("integers"),
                  "--kinds", "mem,mif,coe,c,npy", "--golden", "0,2", "--types", "ap,ac,sc"})
                 .code,
             0);
    for (const auto& [name, document] :
         {std::pair{"qconfig", q}, {"report", r}, {"info", i}, {"activation_log", l}, {"finetune", t}, {"memory", m}})
        checkSchema(name, document);
}

QTEST_GUILESS_MAIN(TestCli)
#include "tst_cli.moc"
