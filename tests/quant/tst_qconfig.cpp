#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/open_model.h"
#include "quant/io/npz.h"
#include "quant/io/qconfig.h"
#include "support/golden.h"

#include <QTest>

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
    QVERIFY_EXCEPTION_THROWN(readQConfig(m_text.substr(0, m_text.size() / 2), m_session->layers(), m_session->slots()),
                             Error);
}

QTEST_GUILESS_MAIN(TestQConfig)
#include "tst_qconfig.moc"
