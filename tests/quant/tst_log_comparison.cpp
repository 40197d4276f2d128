#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/io/activation_log.h"
#include "quant/io/log_comparison.h"
#include "quant/io/qconfig.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>

#include <QDir>
#include <QTest>

using namespace fxp;
using namespace fxp::quant;
using test::Json;
using Kind = LogDifference::Kind;

/// Logs and configs that FxPyTorch wrote, read and compared.
class TestLogComparison : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void goldenLog_data();
    void goldenLog();
    void differences();
    void numbersThatJsonLacks();
    void keysThatRepeat();
    void broken_data();
    void broken();
    void foreignConfig();
    void saveForFxPyTorch();
};

namespace {

std::string caseFile(const char* name) {
    return test::goldenFolder() + "/layers/" + name + ".json";
}

std::unique_ptr<Session> sessionOf(const Json& item) {
    auto session = std::make_unique<Session>(test::goldenNetwork(item));
    Samples samples;
    const auto inputs = test::goldenInputs(item);
    for (std::size_t i = 0; i < inputs.size(); ++i)
        samples.inputs.items.emplace_back("x" + std::to_string(i), toArray(inputs[i]));
    session->setSamples(samples);
    return session;
}

Session::LoggedTensor logged(const char* key, std::vector<std::int64_t> shape, const std::vector<float>& values) {
    return {key, "FxPLinear", true, Array::ofFloats(std::move(shape), values)};
}

} // namespace

void TestLogComparison::goldenLog_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"linear_round", "lstm_steps_hx_trunc", "mha_4heads_round", "encoder_pre_gelu_round"})
        QTest::newRow(name) << name;
}

void TestLogComparison::goldenLog() {
    QFETCH(QString, name);
    const Json item = test::readJson(caseFile(name.toUtf8()));
    const auto session = sessionOf(item);
    // The config is read as FxPyTorch wrote it: one layer's, which names no model.
    const QConfigFile config = readQConfig(item["qconfig"].dump(), session->layers(), session->slots());
    QVERIFY(config.isForeign);
    QVERIFY(session->run(config.formats));
    const auto log = readActivationLog(item["log"].dump());
    QCOMPARE(log.size(), item["log"].size());
    for (const LogDifference& d : compareLogs(log, session->log())) {
        const bool quantized = d.key.ends_with("_quant") && !d.key.ends_with("pre_quant");
        QVERIFY2(!quantized || d.kind == Kind::Equal, d.key.c_str());
        QVERIFY2(d.kind == Kind::Equal || d.kind == Kind::Values, d.key.c_str());
        QVERIFY2(d.largest < 1e-4, d.key.c_str());
    }
    // What is written is read back the same.
    const auto again = readActivationLog(activationLog(session->log(), true).dump());
    for (const LogDifference& d : compareLogs(again, session->log()))
        QVERIFY2(d.kind == Kind::Equal, d.key.c_str());
}

void TestLogComparison::differences() {
    const auto nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<Session::LoggedTensor> log{logged("same", {3}, {1, 2, nan}),
                                                 logged("values", {2, 2}, {1, 2, 3, 4}),
                                                 logged("shape", {4}, {1, 2, 3, 4}),
                                                 logged("gone", {1}, {1}),
                                                 {"absent", "FxPLinear", false, {}}};
    const std::vector<Session::LoggedTensor> run{
        logged("same", {3}, {1, 2, nan}), logged("values", {2, 2}, {1, 2, 3.5, 0}),
        logged("shape", {2, 2}, {1, 2, 3, 4}), logged("new", {1}, {1}), logged("absent", {1}, {1})};
    const auto found = compareLogs(log, run);
    QCOMPARE(found.size(), std::size_t{6});
    QCOMPARE(found[0].kind, Kind::Equal);
    QCOMPARE(found[1].kind, Kind::Values);
    QCOMPARE(found[1].different, std::int64_t{2});
    QCOMPARE(found[1].largest, 4.0);
    QCOMPARE(found[1].firstAt, std::string("[1, 0]"));
    QCOMPARE(found[2].kind, Kind::Shape);
    QCOMPARE(found[3].kind, Kind::OnlyInRun);
    QCOMPARE(found[4].kind, Kind::Presence);
    QCOMPARE(found[5].kind, Kind::OnlyInLog);
    QCOMPARE(found[5].key, std::string("gone"));
}

void TestLogComparison::numbersThatJsonLacks() {
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const auto found = compareLogs({logged("a", {2}, {1, infinity}), logged("b", {2}, {1, nan}), logged("c", {1}, {1})},
                                   {logged("a", {2}, {1, -3}), logged("b", {2}, {1, 2}), logged("c", {1}, {1.5f})});
    const Json json = Json::parse(toJson(found).dump());
    QCOMPARE(json[0]["largest"].dump(), std::string(R"("Infinity")"));
    QCOMPARE(json[1]["largest"].dump(), std::string(R"("NaN")"));
    QCOMPARE(json[2]["largest"].dump(), std::string("0.5"));
    QCOMPARE(json[0]["first_at"].get<std::string>(), std::string("[1]"));
}

void TestLogComparison::keysThatRepeat() {
    // A layer that is called twice logs over its first call, at the first one's place.
    const Json log =
        Json::parse(activationLog({logged("a", {1}, {1}), logged("b", {1}, {2}), logged("a", {1}, {3})}, true).dump());
    QCOMPARE(log.size(), std::size_t{2});
    QCOMPARE(log.begin().key(), std::string("a"));
    QCOMPARE(log["a"]["value"][0].get<double>(), 3.0);
}

void TestLogComparison::broken_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("no JSON") << QByteArray("{");
    QTest::newRow("a list") << QByteArray("[]");
    QTest::newRow("no shape") << QByteArray(R"({"a": {"value": [1]}})");
    QTest::newRow("another shape") << QByteArray(R"({"a": {"shape": [3], "value": [1, 2]}})");
    QTest::newRow("a word for a number") << QByteArray(R"({"a": {"shape": [1], "value": ["much"]}})");
    QTest::newRow("nested 200,000 deep") << QByteArray(R"({"a": {"shape": [1], "value": )") + QByteArray(200'000, '[');
    QTest::newRow("a size that wraps to -1")
        << QByteArray(R"({"a": {"shape": [18446744073709551615], "value": "[Tensor data not stored]"}})");
    QTest::newRow("a size that is real") << QByteArray(R"({"a": {"shape": [1.0], "value": [1]}})");
    QTest::newRow("a product that overflows")
        << QByteArray(R"({"a": {"shape": [4294967296, 4294967296], "value": "[Tensor data not stored]"}})");
    QTest::newRow("a key twice") << QByteArray(
        R"({"a": {"shape": [1], "value": [1]}, "a": {"shape": [1], "value": [2]}})");
    QTest::newRow("negative size") << QByteArray(R"({"a": {"shape": [-1], "value": []}})");
}

void TestLogComparison::broken() {
    QFETCH(QByteArray, text);
    QVERIFY_THROWS_EXCEPTION(Error, readActivationLog(text.toStdString()));
}

void TestLogComparison::foreignConfig() {
    const Json item = test::readJson(caseFile("linear_round"));
    const auto session = sessionOf(item);
    const Json nested{{"layer_type", "my_model"}, {"name", nullptr}, {"layer", item["qconfig"]}};
    const QConfigFile config = readQConfig(nested.dump(), session->layers(), session->slots());
    QCOMPARE(layerToJson(session->layers()[0], session->slots(), config.formats).dump(), item["qconfig"].dump());
    QVERIFY_THROWS_EXCEPTION(
        Error, readQConfig(R"({"other": {"layer_type": "softmax"}})", session->layers(), session->slots()));
}

void TestLogComparison::saveForFxPyTorch() {
    const Json item = test::readJson(caseFile("linear_round"));
    const auto session = sessionOf(item);
    Formats formats = readQConfig(item["qconfig"].dump(), session->layers(), session->slots()).formats;
    const ModelIdentity model{"m", "0"};
    const Json written = Json::parse(writeForFxPyTorch(model, session->layers(), session->slots(), formats));
    QCOMPARE(written["layers"]["layer"].dump(), item["qconfig"].dump());
    std::map<std::string, std::size_t> index;
    for (std::size_t i = 0; i < formats.size(); ++i)
        index.emplace(session->slots()[i].path, i);
    formats[index.at("layer.weight")].rounding = Rounding::Floor;
    formats[index.at("layer.activation")].affine = Affine{{0.3}, {2}, -1};
    formats[index.at("layer.activation")].fractionalBits.reset();
    try {
        writeForFxPyTorch(model, session->layers(), session->slots(), formats);
        QFAIL("taken");
    } catch (const Error& error) {
        QVERIFY(error.where.find("layer.weight (FLOOR_SATURATE)") != std::string::npos);
        QVERIFY(error.where.find("layer.activation (real-valued scale)") != std::string::npos);
        QVERIFY(error.where.find("layer.input") == std::string::npos);
    }
    // Our own file carries both.
    const std::string own = writeQConfig(model, session->layers(), session->slots(), formats);
    QVERIFY(readQConfig(own, session->layers(), session->slots()).formats == formats);
}

QTEST_GUILESS_MAIN(TestLogComparison)
#include "tst_log_comparison.moc"
