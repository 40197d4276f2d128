#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/io/activation_log.h"
#include "quant/io/qconfig.h"
#include "support/layer_network.h"

#include <ATen/ATen.h>

#include <QDir>
#include <QTest>

using namespace fxp;
using namespace fxp::quant;
using test::Json;

/// Layer runs of FxPyTorch: configs, log and outputs must agree as tests/data/README.md says.
class TestGoldenLayers : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void run_data();
    void run();
};

void TestGoldenLayers::run_data() {
    QTest::addColumn<QString>("file");
    const QDir folder(QString::fromStdString(test::goldenFolder() + "/layers"));
    for (const QString& name : folder.entryList({"*.json"}))
        QTest::newRow(qPrintable(name)) << folder.filePath(name);
}

namespace {

CalibrationOptions optionsOf(const Json& item) {
    CalibrationOptions options;
    const Json& module = item["module"];
    options.parameters = *parseCalibrationMethod(module.value("parameters", std::string("no_overflow")));
    if (item["calibration"].is_string())
        options.activations = *parseCalibrationMethod(item["calibration"].get<std::string>());
    for (const Group group : kGroups) {
        if (module.value("same_" + std::string(name(group)), false))
            options.groups.insert(group);
    }
    return options;
}

/// Log entries of values that were quantized: their names say so, or they are a layer's result.
bool isQuantized(const std::string& key) {
    const std::string name = key.substr(key.rfind('.') + 1);
    return name.find("quant") != std::string::npos ? name.find("pre_quant") == std::string::npos : name == "output";
}

} // namespace

void TestGoldenLayers::run() {
    QFETCH(QString, file);
    const Json item = test::readJson(file.toStdString());
    Session session(test::goldenNetwork(item));
    Samples samples;
    const auto inputs = test::goldenInputs(item);
    for (std::size_t i = 0; i < inputs.size(); ++i)
        samples.inputs.items.emplace_back("x" + std::to_string(i), toArray(inputs[i]));
    QVERIFY(session.setSamples(samples));
    QCOMPARE(session.layers().size(), std::size_t{1});
    const LayerSpec& layer = session.layers()[0];
    const auto json = [&](const Formats& formats) { return layerToJson(layer, session.slots(), formats); };

    Formats given(session.slots().size());
    layerFromJson(item["qconfig_given"], layer, session.slots(), "", given);
    QCOMPARE(json(given).dump(), item["qconfig_given"].dump());

    CalibrationOptions options = optionsOf(item);
    options.parametersOnly = true;
    const auto afterParameters = session.calibrate(given, options);
    QCOMPARE(json(*afterParameters).dump(), item["qconfig_after_parameters"].dump());
    options.parametersOnly = false;
    Formats formats = *afterParameters;
    if (item["calibration"].is_string())
        formats = *session.calibrate(*afterParameters, options);
    QCOMPARE(json(formats).dump(), item["qconfig"].dump());

    QVERIFY(session.run(formats));
    const auto log = session.log();
    QStringList keys, goldenKeys;
    for (const auto& entry : log)
        keys << QString::fromStdString(entry.key);
    for (const auto& [key, value] : item["log"].items())
        goldenKeys << QString::fromStdString(key);
    QCOMPARE(keys, goldenKeys);
    const Json written = activationLog(log, false);
    for (const auto& entry : log) {
        const Json& golden = item["log"][entry.key];
        QCOMPARE(entry.layerType, golden["layer_type"].get<std::string>());
        QCOMPARE(entry.present, !golden["value"].is_null());
        for (const char* field : {"shape", "dtype", "device"})
            QCOMPARE(written[entry.key][field].dump(), golden[field].dump());
        if (!entry.present)
            continue;
        const at::Tensor got = toTensor(entry.array);
        const at::Tensor expected = test::tensorFromNested(golden["value"], entry.array.shape);
        const double largest = std::max(1e-30, expected.abs().max().item<double>());
        const bool exact =
            isQuantized(entry.key) && item["note"].get<std::string>().find("stay float") == std::string::npos;
        if (exact)
            QVERIFY2(test::sameBits(got, expected) || at::equal(got, expected), entry.key.c_str());
        else
            QVERIFY2((got - expected).abs().max().item<double>() <= 1e-5 * largest, entry.key.c_str());
    }
    const NamedArrays outputs = session.outputs();
    QCOMPARE(outputs.items.size(), item["outputs"].size());
    for (std::size_t i = 0; i < outputs.items.size(); ++i) {
        const at::Tensor got = toTensor(outputs.items[i].second), expected = test::tensorFromBits(item["outputs"][i]);
        const double largest = std::max(1e-30, expected.abs().max().item<double>());
        QVERIFY(at::equal(got, expected) ||
                (item["note"] != "" && (got - expected).abs().max().item<double>() <= 1e-6 * largest));
    }
}

QTEST_GUILESS_MAIN(TestGoldenLayers)
#include "tst_golden_layers.moc"
