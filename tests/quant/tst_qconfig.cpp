#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/io/npz.h"
#include "quant/io/qconfig.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <QTest>

#include <algorithm>

using namespace fxp;
using namespace fxp::quant;
using test::Json;

class TestQConfig : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void roundTrip();
    void extensionsHoldOtherLayers();
    void bad_data();
    void bad();
    void withoutAModelFile_data();
    void withoutAModelFile();
    void badText_data();
    void badText();
    void scalesAreReadWhole_data();
    void scalesAreReadWhole();
    void manyLayers();

  private:
    std::unique_ptr<Session> m_session;
    Formats m_formats;
    std::string m_text;
};

void TestQConfig::initTestCase() {
    const std::string folder = test::modelFolder() + "/digits_transformer";
    m_session = openModel(folder + "/traced.pt");
    m_session->setSamples({readNpz(folder + "/inputs.npz"), {}});
    m_formats = *m_session->calibrate(startingFormats(m_session->slots(), {}), {});
    m_formats[1].rounding = Rounding::Floor;
    m_formats[1].overflow = Overflow::Wrap;
    m_formats[2] = {};
    m_formats[4].fractionalBits.reset();
    m_text = writeQConfig({"digits", "00ff"}, m_session->layers(), m_session->slots(), m_formats);
}

void TestQConfig::roundTrip() {
    const QConfigFile file = readQConfig(m_text, m_session->layers(), m_session->slots());
    QCOMPARE(file.model.name, std::string("digits"));
    QCOMPARE(file.model.sha256, std::string("00ff"));
    QVERIFY(file.formats == m_formats);
}

void TestQConfig::extensionsHoldOtherLayers() {
    const Json json = Json::parse(m_text);
    QVERIFY(json["layers"].contains("encoder.layers.0"));
    QCOMPARE(json["layers"]["encoder.layers.0"]["layer_type"].get<std::string>(),
             std::string("transformer_encoder_layer"));
    QVERIFY(!json["layers"].contains("stem.1"));
    QVERIFY(json["extensions"].contains("stem.1.activation"));
    QVERIFY(json["extensions"].contains("add.pos")); // a parameter of the model itself
    QCOMPARE(json["layers"]["stem.0"]["weight"]["q_method"].get<std::string>(), std::string("FLOOR_WRAP"));
}

void TestQConfig::bad_data() {
    QTest::addColumn<QString>("pointer");
    QTest::addColumn<QString>("value"); ///< JSON; empty: remove
    QTest::addColumn<QString>("where");
    const auto row = [](const char* name, const char* pointer, const char* value, const char* where) {
        QTest::newRow(name) << pointer << value << where;
    };
    row("unknown key", "/layers/head/weight/bits", "8", "/layers/head/weight/bits");
    row("unknown top key", "/colour", "1", "/colour");
    row("missing key", "/layers/head/weight/q_method", "", "/layers/head/weight");
    row("missing slot", "/layers/head/weight", "", "/layers/head");
    row("wrong type", "/layers/head/weight/total_bits", "\"8\"", "/layers/head/weight/total_bits");
    row("fraction", "/layers/head/weight/total_bits", "8.5", "/layers/head/weight/total_bits");
    row("too few bits", "/layers/head/weight/total_bits", "1", "/layers/head/weight/total_bits");
    row("too many bits", "/layers/head/weight/total_bits", "65", "/layers/head/weight/total_bits");
    row("huge", "/layers/head/weight/fractional_bits", "99999999999", "/layers/head/weight/fractional_bits");
    row("method 3", "/layers/head/weight/q_method", "3", "/layers/head/weight/q_method");
    row("method name", "/layers/head/weight/q_method", "\"ROUND\"", "/layers/head/weight/q_method");
    row("another layer type", "/layers/head/layer_type", "\"conv2d\"", "/layers/head/layer_type");
    row("no such layer", "/layers/tail", "{}", "tail");
    row("no such tensor", "/extensions/tail.input", "{}", "tail.input");
    row("not ours", "/format", "\"x\"", "/format");
    row("newer", "/version", "2", "/version");
    row("a real version", "/version", "1.0", "/version");
    row("bits that wrap to -1", "/layers/head/weight/total_bits", "18446744073709551615",
        "/layers/head/weight/total_bits");
    row("bits that wrap to 8", "/layers/head/weight/fractional_bits", "4294967304",
        "/layers/head/weight/fractional_bits");
    row("a real method", "/layers/head/weight/q_method", "2.0", "/layers/head/weight/q_method");
    row("the model is a text", "/model", "\"digits\"", "/model");
    row("a number for the file's hash", "/model/sha256", "17", "/model/sha256");
    row("an unknown key of the model", "/model/author", "\"x\"", "/model/author");
    row("layers is a list", "/layers", "[]", "/layers");
    row("nested", "/layers/encoder.layers.0/norm1/eps", "1", "/layers/encoder.layers.0/norm1/eps");
}

void TestQConfig::bad() {
    QFETCH(QString, pointer);
    QFETCH(QString, value);
    QFETCH(QString, where);
    Json json = Json::parse(m_text);
    const Json::json_pointer at(pointer.toStdString());
    if (value.isEmpty())
        json[at.parent_pointer()].erase(at.back());
    else
        json[at] = Json::parse(value.toStdString());
    try {
        readQConfig(json.dump(), m_session->layers(), m_session->slots());
        QFAIL("read");
    } catch (const Error& error) {
        QCOMPARE(QString::fromStdString(error.where), where);
        QVERIFY(!error.hint.empty());
    }
    QVERIFY_THROWS_EXCEPTION(Error,
                             readQConfig(m_text.substr(0, m_text.size() / 2), m_session->layers(), m_session->slots()));
}

void TestQConfig::withoutAModelFile_data() {
    QTest::addColumn<QString>("model"); ///< JSON; empty: none
    QTest::addColumn<bool>("noted");
    QTest::addColumn<bool>("other");
    QTest::newRow("no model") << "" << true << false;
    QTest::newRow("an empty one") << "{}" << true << false;
    QTest::newRow("a name alone") << R"({"name": "by hand"})" << true << false;
    QTest::newRow("null") << R"({"name": null, "sha256": null})" << true << false;
    QTest::newRow("an empty hash") << R"({"name": "x", "sha256": ""})" << true << false;
    QTest::newRow("this model") << R"({"sha256": "00ff"})" << false << false;
    QTest::newRow("another model") << R"({"name": "digits", "sha256": "00fe"})" << false << true;
}

void TestQConfig::withoutAModelFile() {
    QFETCH(QString, model);
    QFETCH(bool, noted);
    QFETCH(bool, other);
    Json json = Json::parse(m_text);
    json.erase("model");
    if (!model.isEmpty())
        json["model"] = Json::parse(model.toStdString());
    QVERIFY(foldedBatchNorms(json.dump()).empty());
    const QConfigFile file = readQConfig(json.dump(), m_session->layers(), m_session->slots());
    QVERIFY(file.formats == m_formats);
    QCOMPARE(!file.note.empty(), noted);
    QCOMPARE(file.isForOther({"digits", "00ff"}), other);
    QVERIFY(!file.isForeign);
}

void TestQConfig::badText_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("says");
    QTest::newRow("nested 200,000 deep") << QByteArray(R"({"a":)").repeated(200'000) << QByteArray("nested");
    QTest::newRow("lists 200,000 deep") << QByteArray(200'000, '[') + QByteArray(200'000, ']') << QByteArray("nested");
    QTest::newRow("a key twice") << QByteArray(R"({"format": "fxp-workbench/qconfig", "format": "x"})")
                                 << QByteArray("twice");
    QTest::newRow("cut off") << QByteArray(R"({"format": )") << QByteArray("not JSON");
}

void TestQConfig::badText() {
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, says);
    for (const bool folded : {false, true}) {
        try {
            if (folded)
                foldedBatchNorms(text.toStdString());
            else
                readQConfig(text.toStdString(), m_session->layers(), m_session->slots());
            QFAIL("read");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(says), error.what());
        }
    }
}

void TestQConfig::scalesAreReadWhole_data() {
    QTest::addColumn<QString>("zero"); ///< as JSON
    QTest::addColumn<bool>("legal");
    QTest::newRow("3") << "3" << true;
    QTest::newRow("wraps to -1") << "18446744073709551615" << false;
    QTest::newRow("real") << "3.0" << false;
    QTest::newRow("beyond the bits") << "128" << false;
}

void TestQConfig::scalesAreReadWhole() {
    QFETCH(QString, zero);
    QFETCH(bool, legal);
    Json json = Json::parse(m_text);
    json["extensions"]["stem.1.activation"] =
        Json::parse(R"({"total_bits": 8, "fractional_bits": null, "q_method": 2, "scale": [0.1], "zero_point": [)" +
                    zero.toStdString() + R"(], "axis": null})");
    const auto read = [&] { return readQConfig(json.dump(), m_session->layers(), m_session->slots()); };
    if (!legal) {
        QVERIFY_THROWS_EXCEPTION(Error, read());
        return;
    }
    const QConfigFile file = read();
    const auto slot = std::ranges::find(m_session->slots(), "stem.1.activation", &SlotInfo::path);
    QCOMPARE(file.formats[std::size_t(slot - m_session->slots().begin())].affine->zeroPoint[0], std::int64_t{3});
}

/// A model of 20,000 tensors, and as many again in extensions: look-ups among all for each would take minutes.
void TestQConfig::manyLayers() {
    constexpr int kLayers = 5000;
    std::vector<LayerSpec> layers;
    std::vector<SlotInfo> slots;
    Formats formats;
    for (int i = 0; i < 2 * kLayers; ++i) {
        LayerSpec layer{"blocks." + std::to_string(i), i < kLayers ? "linear" : "gelu", {}, {}, false};
        for (const char* name : {"input", "weight", "bias", "activation"}) {
            layer.members.push_back({name, {}, {}, {}, false});
            SlotInfo slot;
            slot.path = layer.name + "." + name;
            slot.layerPath = layer.name;
            slot.layerType = layer.type;
            slot.name = name;
            formats.push_back({2 + static_cast<int>(slots.size() % 63), i % 40, {}, {}, {}});
            slots.push_back(std::move(slot));
        }
        layers.push_back(std::move(layer));
    }
    const std::string text = writeQConfig({"large", "0a"}, layers, slots, formats);
    const QConfigFile file = readQConfig(text, layers, slots);
    QVERIFY(file.formats == formats);
    // FxPyTorch's nesting of the same: modules within a module.
    Json nested{{"layer_type", "my_model"}, {"blocks", Json::object()}};
    auto& blocks = nested["blocks"].get_ref<Json::object_t&>();
    const Json whole = Json::parse(text);
    int i = 0;
    for (const auto& [path, layer] : whole["layers"].items())
        blocks.Json::object_t::Container::emplace_back(std::to_string(i++), layer);
    const QConfigFile foreign = readQConfig(nested.dump(), layers, slots);
    QVERIFY(foreign.isForeign);
    QVERIFY(std::equal(formats.begin(), formats.begin() + 4 * kLayers, foreign.formats.begin()));
}

QTEST_GUILESS_MAIN(TestQConfig)
#include "tst_qconfig.moc"
