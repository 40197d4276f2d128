#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/core/quantize.h"
#include "quant/engine/session.h"
#include "quant/io/npz.h"
#include "quant/io/safetensors.h"
#include "quant/layers/elementwise.h"
#include "quant/layers/linear.h"
#include "quant/layers/lstm.h"
#include "quant/open_model.h"
#include "quant/train/finetune.h"
#include "quant/train/quantized_module.h"
#include "support/formats.h"
#include "support/golden.h"

#include <ATen/ATen.h>
#include <torch/optim/adam.h>

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

using namespace fxp;
using namespace fxp::quant;
using fxp::test::format;
using fxp::test::random;

/// The straight-through estimator, and training with formats in place.
class TestTraining : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void straightThrough_data();
    void straightThrough();
    void gradientsReachEveryParameter();
    void regainsAccuracy();
    void finetunesAFile_data();
    void finetunesAFile();
    void refuses();
    void weightsAreReplacedWhole();
};

namespace {

/// The recordings of a two-layer classifier, whose parameters are given.
QuantizedModule::Record classifier(const std::vector<at::Tensor>& p) {
    return recordLayers([p](Builder& run, const std::vector<Value>& in) {
        Linear first("first", p[0], p[1]), second("second", p[2], p[3]);
        Elementwise relu("relu", "relu", elementwise::relu());
        const Value y = second.forward(relu.forward(first.forward(in[0], run), run), run);
        first.declare(run);
        relu.declare(run);
        second.declare(run);
        return std::vector<Value>{y};
    });
}

double accuracy(QuantizedModule& module, const at::Tensor& x, const at::Tensor& labels) {
    const at::NoGradGuard noGrad;
    return module.forward({x})[0].argmax(1).eq(labels).to(at::kDouble).mean().item<double>();
}

void train(QuantizedModule& module, const at::Tensor& x, const at::Tensor& labels, int steps, double rate) {
    torch::optim::Adam optimizer(module.parameters(), torch::optim::AdamOptions(rate));
    for (int step = 0; step < steps; ++step) {
        optimizer.zero_grad();
        at::nll_loss(at::log_softmax(module.forward({x})[0], 1), labels).backward();
        optimizer.step();
    }
}

std::string folder(const char* name) {
    return test::modelFolder() + "/" + name;
}

} // namespace

void TestTraining::straightThrough_data() {
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    QTest::newRow("8 bits") << 8 << 4;
    QTest::newRow("saturating") << 3 << 2;
    QTest::newRow("no fraction") << 6 << -1;
}

void TestTraining::straightThrough() {
    QFETCH(int, total);
    QFETCH(int, fraction);
    const QType type = format(total, fraction);
    at::Tensor x = (random({100}, 1) * 4).requires_grad_();
    const at::Tensor y = quantize(x, type, "x");
    // Forward exactly the quantized value, saturated ones included; backward the gradient unchanged, theirs included.
    QVERIFY(at::equal(y.detach(), quantize(x.detach(), type, "x")));
    const at::Tensor weight = random({100}, 2);
    (y * weight).sum().backward();
    QVERIFY(at::equal(x.grad(), weight));
}

void TestTraining::gradientsReachEveryParameter() {
    RecurrentParameters p{random({16, 3}, 1), random({16, 4}, 2), random({16}, 3), random({16}, 4), {}, false};
    QuantizedModule module(recordLayers([p](Builder& run, const std::vector<Value>& in) {
                               Lstm layer("lstm", p);
                               const auto out = layer.forward({in[0], {}, {}}, run);
                               layer.declare(run);
                               return std::vector<Value>{out.output};
                           }),
                           {random({2, 5, 3}, 5)});
    Formats formats;
    for (const SlotInfo& slot : module.slots())
        formats.push_back(slot.optional ? QType{} : format(12, 8));
    module.setFormats(formats);
    QCOMPARE(module.parameters().size(), std::size_t{4});
    module.forward({random({2, 5, 3}, 6)})[0].square().sum().backward();
    for (const auto& item : module.named_parameters()) {
        QVERIFY2(item.value().grad().defined(), item.key().c_str());
        QVERIFY2(item.value().grad().abs().max().item<double>() > 0, item.key().c_str());
    }
    // The first example's shape is not the only one.
    QCOMPARE(module.forward({random({3, 2, 3}, 7)})[0].sizes().vec(), (std::vector<std::int64_t>{3, 2, 4}));
}

void TestTraining::regainsAccuracy() {
    // Ten clusters in eight dimensions, which a float network learns.
    const at::Tensor labels = at::arange(600, at::kLong).remainder(10);
    const at::Tensor x = random({10, 8}, 511).index_select(0, labels) * 1.2 + random({600, 8}, 512) * 0.8;
    QuantizedModule module(
        classifier({random({24, 8}, 1) * 0.4, at::zeros({24}), random({10, 24}, 2) * 0.3, at::zeros({10})}), {x});
    train(module, x, labels, 200, 0.02);
    const double fromFloat = accuracy(module, x, labels);

    // Four bits from the ranges of the float network, as calibration would have it; the network's own input and output
    // keep eight, as is usual.
    Formats formats;
    for (const SlotInfo& slot : module.slots()) {
        const at::Tensor parameter = module.parameterOf(slot.path);
        const bool outer = slot.path == "first.input" || slot.path == "second.activation";
        const QType given{slot.optional ? std::nullopt : std::optional(outer ? 8 : 4), {}, {}, {}, {}};
        formats.push_back(slot.optional ? QType{}
                          : parameter.defined()
                              ? noOverflow(valueRange(parameter.detach()), given, slot.path)
                              : noOverflow(outer ? ValueRange{-32, 31} : ValueRange{-16, 14}, given, slot.path));
    }
    module.setFormats(formats);
    const double before = accuracy(module, x, labels);
    for (const double rate : {0.005, 0.002, 0.0005})
        train(module, x, labels, 200, rate);
    const double after = accuracy(module, x, labels);
    qInfo("float %.3f, four bits %.3f, trained %.3f", fromFloat, before, after);
    QVERIFY(before < fromFloat - 0.02);
    QVERIFY(after >= before + 0.5 * (fromFloat - before));

    // Made permanent: the parameters lie on their grids, and nothing else changes.
    const at::Tensor outputs = module.forward({x})[0].detach();
    module.quantizeWeightsBias();
    QVERIFY(at::equal(module.forward({x})[0].detach(), outputs));
    const at::Tensor w = module.parameterOf("first.weight").detach();
    QVERIFY(at::equal(w, quantize(w, formats[1], "w")));
}

void TestTraining::finetunesAFile_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("parameter");
    QTest::newRow("convolutions and batch norm") << "digits_cnn"
                                                 << "fc.weight";
    QTest::newRow("packed attention") << "digits_transformer"
                                      << "encoder.layers.0.self_attn.in_proj_weight";
    QTest::newRow("lstm") << "digits_lstm"
                          << "rnn.weight_ih_l0";
}

void TestTraining::finetunesAFile() {
    QFETCH(QString, model);
    QFETCH(QString, parameter);
    const std::string at = folder(model.toUtf8());
    const auto session = openModel(at + "/traced.pt");
    Samples samples{readNpz(at + "/inputs.npz"), {}};
    const Array array = readNpy(at + "/labels.npy");
    for (std::int64_t i = 0; i < array.count(); ++i)
        samples.labels.push_back(static_cast<std::int32_t>(array.integers()[i]));
    QVERIFY(session->setSamples(samples));
    const BitBudget bits{5, 8, 8, Rounding::Round, Overflow::Saturate, {}};
    const auto formats = session->calibrate(startingFormats(session->slots(), bits), {});
    FinetuneOptions options;
    options.epochs = 3;
    options.learningRate = 3e-4;
    std::vector<EpochReport> epochs;
    const NamedArrays original = session->parameters();
    const NamedArrays tuned =
        session->finetune(*formats, options, [&](const EpochReport& epoch) { epochs.push_back(epoch); });
    QCOMPARE(epochs.size(), std::size_t{4});
    QVERIFY(epochs.back().loss < epochs.front().loss);
    const Array* value = tuned.find(parameter.toStdString());
    QVERIFY(value);
    QVERIFY(value->shape == original.find(parameter.toStdString())->shape);
    QVERIFY(value->bytes != original.find(parameter.toStdString())->bytes);
    // The session itself is as it was, until it is given the weights; what it then computes is what was trained.
    QVERIFY(session->parameters().find(parameter.toStdString())->bytes ==
            original.find(parameter.toStdString())->bytes);
    double best = 0;
    for (const EpochReport& epoch : epochs)
        best = std::max(best, epoch.accuracy);
    QTemporaryDir files;
    const std::string file = files.filePath("tuned.safetensors").toStdString();
    writeSafetensors(file, tuned);
    QVERIFY(session->setParameters(readSafetensors(file)));
    const RunSnapshot result = session->run(*formats);
    QVERIFY(std::abs(*result->predictions.accuracyFixed() - best) < 0.01);
}

void TestTraining::refuses() {
    const auto session = openModel(folder("digits_cnn/traced.pt"));
    QVERIFY_THROWS_EXCEPTION(Error, session->finetune({}, {}, {}));
    QVERIFY(session->setSamples({readNpz(folder("digits_cnn/inputs.npz")), {}}));
    QVERIFY_THROWS_EXCEPTION(Error, session->finetune(session->floatFormats(), {}, {})); // no labels
    Samples wrong{readNpz(folder("digits_cnn/inputs.npz")), {}};
    wrong.labels.assign(static_cast<std::size_t>(session->sampleCount()), 99);
    QVERIFY(session->setSamples(wrong));
    QVERIFY_THROWS_EXCEPTION(Error, session->finetune(session->floatFormats(), {}, {})); // no such class
}

void TestTraining::weightsAreReplacedWhole() {
    const auto session = openModel(folder("digits_cnn/traced.pt"));
    const NamedArrays before = session->parameters();
    NamedArrays other;
    other.items.emplace_back("fc.bias", Array::ofFloats({10}, std::vector<float>(10, 1.0f)));
    other.items.emplace_back("fc.weight", Array::ofFloats({1}, {0}));
    QVERIFY_THROWS_EXCEPTION(Error, session->setParameters(other)); // another shape
    QVERIFY(session->parameters().find("fc.bias")->bytes == before.find("fc.bias")->bytes);
    other.items[1] = {"nothing", Array::ofFloats({1}, {0})};
    QVERIFY_THROWS_EXCEPTION(Error, session->setParameters(other));
    QTemporaryDir files;
    QFile broken(files.filePath("broken.safetensors"));
    QVERIFY(broken.open(QIODevice::WriteOnly));
    broken.write(QByteArray("\x20\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\"", 26));
    broken.close();
    QVERIFY_THROWS_EXCEPTION(Error, readSafetensors(broken.fileName().toStdString()));
}

QTEST_GUILESS_MAIN(TestTraining)
#include "tst_training.moc"
