#include "quant/export/memory_export.h"
#include "support/exported.h"

#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <map>

using namespace fxp;
using namespace fxp::quant;
using test::integersOf, test::open, test::someFormats;
using test::Json;

/// Golden vectors: what the engine computes, and what whole numbers alone give from the exported files.
class TestExportGolden : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void integersAlone_data();
    void integersAlone();
    void chosenSamples();
    void samplesTogether();
};

void TestExportGolden::integersAlone_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<int>("layers");
    QTest::newRow("digits_cnn") << "digits_cnn" << 1;
    QTest::newRow("digits_transformer") << "digits_transformer" << 4;
}

/// Linear layers are computed from the exported files alone, in whole numbers; and every vector is what the engine has.
void TestExportGolden::integersAlone() {
    QFETCH(QString, model);
    QFETCH(int, layers);
    auto session = open(model.toStdString());
    const Formats formats = someFormats(*session);
    session->run(formats);
    MemoryOptions options;
    options.kinds = {MemoryKind::Mem};
    options.golden = {4, 0, 7};
    QTemporaryDir folder;
    writeMemory(*memoryContent(*session, {}, formats, options), folder.path().toStdString());
    const Json sidecar = test::readJson(folder.filePath("memory.json").toStdString());

    // Integer · 2^−F is what the activation log of the run has for the same tensor and samples.
    std::map<std::string, const Json*> tensors;
    for (const Json& tensor : sidecar["tensors"])
        tensors[tensor["name"].get<std::string>()] = &tensor;
    for (const Json& tensor : sidecar["golden"]["tensors"]) {
        if (tensor["use"] == 0)
            tensors[tensor["name"].get<std::string>()] = &tensor;
    }
    const auto integers = [&](const Json& tensor) {
        return integersOf(folder.filePath(QString::fromStdString(tensor["files"]["mem"].get<std::string>())),
                          tensor["total_bits"]);
    };
    std::size_t logged = 0;
    for (const auto& entry : session->log()) {
        const QString key = QString::fromStdString(entry.key);
        QString path = key.endsWith("_quant")    ? key.chopped(6)
                       : key.endsWith(".output") ? key.chopped(6) + "activation"
                                                 : "";
        if (const auto found = tensors.find(path.toStdString()); entry.present && found != tensors.end()) {
            const Json& tensor = *found->second;
            const double lsb = std::pow(2.0, -tensor["fractional_bits"].get<int>());
            const std::vector<std::int64_t> words = integers(tensor);
            const bool samples = tensor.contains("use") && tensor["sample_dimension"] == 0;
            if (tensor.contains("use") && !samples)
                continue;
            const std::int64_t each = samples ? entry.array.count() / session->sampleCount() : entry.array.count();
            QCOMPARE(words.size(), static_cast<std::size_t>(samples ? 3 * each : each));
            for (std::size_t i = 0; i < words.size(); ++i) {
                const std::int64_t sample = samples ? options.golden[i / std::size_t(each)] : 0;
                const auto at = sample * each + std::int64_t(i) % each;
                if (static_cast<double>(words[i]) * lsb != static_cast<double>(entry.array.floats()[at]))
                    QFAIL(qPrintable(path + " " + QString::number(i)));
            }
            ++logged;
        }
    }
    QVERIFY2(logged > 6, qPrintable(QString::number(logged)));

    int computed = 0;
    for (const auto& [path, tensor] : tensors) {
        if ((*tensor)["layer_type"] != "linear" || !QString::fromStdString(path).endsWith(".weight"))
            continue;
        const auto layer = (*tensor)["layer"].get<std::string>();
        const auto own = [&](const char* slot) { return tensors.find(layer + "." + slot); };
        if (own("input") == tensors.end() || own("activation") == tensors.end())
            continue;
        const Json &w = *tensor, &x = *own("input")->second, &b = *own("bias")->second, &y = *own("activation")->second;
        const auto wi = integers(w), xi = integers(x), bi = integers(b), yi = integers(y);
        const std::size_t rows = w["shape"][0], columns = w["shape"][1];
        const int sum = w["fractional_bits"].get<int>() + x["fractional_bits"].get<int>(),
                  common = std::max(sum, b["fractional_bits"].get<int>()),
                  shift = common - y["fractional_bits"].get<int>();
        QCOMPARE(yi.size() / rows * columns, xi.size());
        for (std::size_t i = 0; i < yi.size(); ++i) {
            Int128 total = 0;
            for (std::size_t k = 0; k < columns; ++k)
                total += Int128{wi[i % rows * columns + k]} * xi[i / rows * columns + k];
            total = total * (Int128{1} << (common - sum)) +
                    Int128{bi[i % rows]} * (Int128{1} << (common - b["fractional_bits"].get<int>()));
            // Nearest, ties to even, in whole numbers; then the limits.
            Int128 result = total * (Int128{1} << std::max(0, -shift));
            if (shift > 0) {
                const Int128 one = Int128{1} << shift;
                Int128 down = total >= 0 ? total / one : -((-total + one - 1) / one);
                const Int128 rest = 2 * (total - down * one);
                down += rest > one || (rest == one && down % 2 != 0);
                result = down;
            }
            const Int128 half = Int128{1} << (y["total_bits"].get<int>() - 1);
            result = std::min(half - 1, std::max(-half, result));
            if (result != yi[i])
                QFAIL(qPrintable(QString::fromStdString(layer) + " " + QString::number(i)));
        }
        ++computed;
    }
    QVERIFY2(computed >= layers, qPrintable(QString::number(computed)));
}

/// The same samples give the same vectors in any order, whatever batches the run has.
void TestExportGolden::chosenSamples() {
    const auto vectors = [&](std::int64_t batchSize, const std::vector<std::int64_t>& samples) {
        SessionOptions memory;
        memory.batchSize = batchSize;
        auto session = open("digits_lstm", "traced.pt", memory);
        const Formats formats = someFormats(*session);
        MemoryOptions options;
        options.kinds = {MemoryKind::Mem};
        options.golden = samples;
        const auto content = memoryContent(*session, {}, formats, options);
        std::map<std::string, std::vector<float>> parts; // by tensor and sample
        for (const MemoryTensor& tensor : content->golden) {
            const auto& shape = tensor.values.shape;
            if (tensor.dimension < 0)
                continue;
            std::int64_t inner = 1, outer = 1;
            for (int d = 0; d < static_cast<int>(shape.size()); ++d)
                (d < tensor.dimension ? outer : inner) *= shape[std::size_t(d)];
            const std::int64_t each = inner / std::int64_t(samples.size());
            for (std::size_t s = 0; s < samples.size(); ++s) {
                auto& part = parts[tensor.identifier + "/" + std::to_string(samples[s])];
                for (std::int64_t o = 0; o < outer; ++o) {
                    const float* from = tensor.values.floats() + o * inner + std::int64_t(s) * each;
                    part.insert(part.end(), from, from + each);
                }
            }
        }
        return parts;
    };
    const auto all = vectors(0, {5, 2, 9});
    QVERIFY(all.size() > 30);
    QVERIFY(all == vectors(0, {9, 5, 2}));
    QVERIFY(all == vectors(3, {2, 9, 5}));
}

/// Where samples cannot be told apart, all of them are written, and the sidecar says so.
void TestExportGolden::samplesTogether() {
    const std::string folder = test::modelFolder() + "/digits_transformer";
    auto session = openModel(folder + "/model.onnx"); // a file for so many samples and no other number
    session->setSamples({readNpz(folder + "/inputs.npz"), {}});
    MemoryOptions options;
    options.kinds = {MemoryKind::Mem};
    options.golden = {1};
    QTemporaryDir target;
    const auto content = memoryContent(*session, {}, someFormats(*session), options);
    writeMemory(*content, target.path().toStdString());
    const Json sidecar = test::readJson(target.filePath("memory.json").toStdString());
    const bool together = content->golden.front().dimension < -1;
    QCOMPARE(sidecar["golden"]["samples"].size(), std::size_t(together ? session->sampleCount() : 1));
    QCOMPARE(sidecar["notes"].size(), std::size_t(together));
    for (const Json& tensor : sidecar["golden"]["tensors"])
        QCOMPARE(tensor["sample_dimension"].is_null(), together);
}

QTEST_GUILESS_MAIN(TestExportGolden)
#include "tst_export_golden.moc"
