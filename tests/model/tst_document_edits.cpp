#include "model/document.h"
#include "quant/io/npz.h"
#include "quant/io/safetensors.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <numeric>

using namespace fxp;
using model::Document;
using test::Kept;

/// Edits of a real document that take a job: other batch norms, weights, labels and QConfigs, and what refuses them.
class TestDocumentEdits : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void refusedByMessage_data();
    void refusedByMessage();
    void qconfigOfAnotherModelAsks_data();
    void qconfigOfAnotherModelAsks();
    void qconfigWithAnotherFold_data();
    void qconfigWithAnotherFold();
    void weightsAreOneStep();
    void foldKeepsOtherSamples();
    void whatIsNotFoldedIsNoted_data();
    void whatIsNotFoldedIsNoted();
    void recurrentStepsAreFedBack();
    void labelsShareTheSamples();

  private:
    std::unique_ptr<Document> open(const QString& network = "digits_cnn") const;
    QString folder(const QString& network) const { return m_models + "/" + network; }
    QString m_models;
    QTemporaryDir m_files;
};

void TestDocumentEdits::initTestCase() {
    m_models = QString::fromStdString(test::modelFolder());
}

std::unique_ptr<Document> TestDocumentEdits::open(const QString& network) const {
    auto document = std::make_unique<Document>();
    if (!test::openAndRun(*document, folder(network), "traced.pt"))
        qFatal("the model does not open");
    return document;
}

void TestDocumentEdits::refusedByMessage_data() {
    QTest::addColumn<int>("slot");
    QTest::addColumn<int>("totalBits");
    QTest::newRow("too few bits") << 0 << 1;
    QTest::newRow("too many bits") << 0 << 65;
    QTest::newRow("no such tensor") << 1'000'000 << 8;
    QTest::newRow("negative tensor") << -1 << 8;
}

void TestDocumentEdits::refusedByMessage() {
    QFETCH(int, slot);
    QFETCH(int, totalBits);
    static const auto document = open();
    const Kept before(*document);
    QSignalSpy failed(document.get(), &Document::failed);
    QVERIFY(!document->setFormats({{1, {8, 2, {}, {}}}, {slot, {totalBits, 0, {}, {}}}}, "edit"));
    QCOMPARE(failed.count(), 1);
    QVERIFY(!failed[0][1].toString().isEmpty());
    QVERIFY(Kept(*document) == before);
}

void TestDocumentEdits::qconfigOfAnotherModelAsks_data() {
    QTest::addColumn<bool>("folded");
    QTest::newRow("the same batch norms") << false;
    QTest::newRow("other batch norms folded") << true;
}

void TestDocumentEdits::qconfigOfAnotherModelAsks() {
    QFETCH(bool, folded);
    const QString file = m_files.filePath("foreign.json");
    {
        const auto other = open();
        other->setFormats({{other->slotOf("conv1.weight"), {5, 4, {}, {}}}}, "edit");
        if (folded) {
            other->setBatchNormsFolded(true);
            QTRY_VERIFY_WITH_TIMEOUT(other->slotOf("bn1.weight") < 0, 60'000);
        }
        QByteArray text = other->qconfig();
        text.replace(QByteArray::fromStdString(other->model()->identity.sha256), QByteArray(64, '0'));
        QFile out(file);
        QVERIFY(out.open(QIODevice::WriteOnly));
        out.write(text);
    }
    const auto document = open();
    const QString own = m_files.filePath("own.json");
    document->saveQConfig(own);
    document->setFormats({{document->slotOf("dw.weight"), {7, 3, {}, {}}}}, "edit");
    QVERIFY(test::settled(*document));
    QVERIFY(document->isModified());
    const Kept before(*document);
    QVERIFY_THROWS_EXCEPTION(model::OtherModel, document->loadQConfig(file));
    QVERIFY(!document->isBusy()); // nothing is folded before the answer to the question
    QVERIFY(Kept(*document) == before);
    document->loadQConfig(file, true);
    QTRY_COMPARE_WITH_TIMEOUT(document->qconfigFile(), file, 60'000);
    QVERIFY(!document->isModified());
    QCOMPARE(document->slotOf("bn1.weight") < 0, folded);
    QCOMPARE(*document->format(document->slotOf("conv1.weight")).totalBits, 5);
    document->undoStack()->undo();
    QVERIFY(document->formats() == before.formats);
}

void TestDocumentEdits::qconfigWithAnotherFold_data() {
    QTest::addColumn<QByteArray>("before");
    QTest::addColumn<QByteArray>("after");
    QTest::addColumn<bool>("cancelled");
    QTest::newRow("good") << QByteArray() << QByteArray() << false;
    QTest::newRow("cancelled") << QByteArray() << QByteArray() << true;
    QTest::newRow("a format that makes no sense")
        << QByteArray("\"total_bits\": 5") << QByteArray("\"total_bits\": 99") << false;
    QTest::newRow("a batch norm that there is not")
        << QByteArray("\"folded\": [") << QByteArray("\"folded\": [\"nowhere\", ") << false;
}

void TestDocumentEdits::qconfigWithAnotherFold() {
    QFETCH(QByteArray, before);
    QFETCH(QByteArray, after);
    QFETCH(bool, cancelled);
    const bool good = before.isEmpty() && !cancelled;
    const auto document = open();
    const int slot = document->slotOf("conv1.weight");
    document->setFormats({{slot, {5, 4, {}, {}}}}, "edit");
    document->setBatchNormsFolded(true);
    QTRY_VERIFY_WITH_TIMEOUT(document->slotOf("bn1.weight") < 0, 60'000);
    QByteArray text = document->qconfig();
    QVERIFY(before.isEmpty() || text.contains(before));
    text.replace(before, after);
    document->undoStack()->undo();
    const QString own = m_files.filePath("own.json"), file = m_files.filePath("folded.json");
    document->saveQConfig(own);
    document->setFormats({{slot, {6, 4, {}, {}}}}, "edit");
    QVERIFY(test::settled(*document));
    const auto figures = document->result();
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write(text);
    out.close();

    const Kept kept(*document);
    QSignalSpy failed(document.get(), &Document::failed);
    document->loadQConfig(file);
    QVERIFY(Kept(*document) == kept); // nothing is claimed before the answer
    if (cancelled)
        document->cancel();
    QTRY_VERIFY_WITH_TIMEOUT(!document->isBusy(), 60'000);
    if (good) {
        QCOMPARE(document->qconfigFile(), file);
        QVERIFY(!document->isModified());
        QCOMPARE(*document->format(document->slotOf("conv1.weight")).totalBits, 5);
        QCOMPARE(document->undoStack()->count(), kept.steps + 1);
        return;
    }
    QCOMPARE(failed.count(), cancelled ? 0 : 1);
    QVERIFY(Kept(*document) == kept);
    document->run(); // the session is that of the formats shown
    QVERIFY(test::settled(*document));
    QVERIFY(test::sameResult(*document->result(), *figures));
}

void TestDocumentEdits::weightsAreOneStep() {
    const auto document = open();
    document->calibrate({}, {});
    QTRY_COMPARE_WITH_TIMEOUT(document->undoStack()->count(), 1, 60'000);
    QVERIFY(test::settled(*document));
    const auto figures = document->result();
    const QString all = m_files.filePath("all.safetensors");
    document->saveWeights(all);
    QTRY_VERIFY_WITH_TIMEOUT(!document->isBusy(), 60'000);
    // Two files that overlap: undoing the second must leave the first's values, and undoing both the model's own.
    quant::NamedArrays parameters = quant::readSafetensors(all.toStdString());
    QVERIFY(parameters.find("conv1.weight") && parameters.find("bn1.bias"));
    const auto write = [&](const QString& name, const QStringList& changed, float scale) {
        quant::NamedArrays part;
        for (const QString& parameter : changed) {
            quant::Array array = *parameters.find(parameter.toStdString());
            std::vector<float> values(array.floats(), array.floats() + array.count());
            for (float& value : values)
                value *= scale;
            part.items.emplace_back(parameter.toStdString(), quant::Array::ofFloats(array.shape, values));
        }
        quant::writeSafetensors(m_files.filePath(name).toStdString(), part);
    };
    const auto now = [&](const std::string& name) {
        const QString file = m_files.filePath("now.safetensors");
        QFile::remove(file);
        document->saveWeights(file);
        if (!QTest::qWaitFor([&] { return QFile::exists(file) && !document->isBusy(); }, 30'000))
            qFatal("the weights were not saved");
        return quant::readSafetensors(file.toStdString()).find(name)->floats()[0];
    };
    const float weight = parameters.find("conv1.weight")->floats()[0], bias = parameters.find("bn1.bias")->floats()[0];
    write("a.safetensors", {"conv1.weight"}, 2);
    write("b.safetensors", {"conv1.weight", "bn1.bias"}, 4);
    for (const char* name : {"a.safetensors", "b.safetensors"}) {
        const int steps = document->undoStack()->count();
        document->loadWeights(m_files.filePath(name));
        QTRY_COMPARE_WITH_TIMEOUT(document->undoStack()->count(), steps + 1, 60'000);
        QVERIFY(document->result()->outputsStale);
        QVERIFY(test::settled(*document));
    }
    QCOMPARE(now("conv1.weight"), 4 * weight);
    QCOMPARE(now("bn1.bias"), 4 * bias);
    document->undoStack()->undo();
    QCOMPARE(now("conv1.weight"), 2 * weight);
    QCOMPARE(now("bn1.bias"), bias);
    QVERIFY(!test::sameResult(*document->result(), *figures));
    document->undoStack()->undo();
    QCOMPARE(now("conv1.weight"), weight);
    QVERIFY(test::settled(*document));
    QVERIFY(test::sameResult(*document->result(), *figures));
}

void TestDocumentEdits::foldKeepsOtherSamples() {
    const auto document = open();
    document->setBatchNormsFolded(true);
    QTRY_VERIFY_WITH_TIMEOUT(document->slotOf("bn1.weight") < 0, 60'000);
    document->openSamples({}); // random ones, fewer
    QTRY_VERIFY_WITH_TIMEOUT(document->model()->randomSamples && !document->isBusy(), 60'000);
    const auto samples = document->model()->samples;
    document->undoStack()->undo();
    QVERIFY(document->slotOf("bn1.weight") >= 0);
    QVERIFY(document->model()->samples == samples);
    QCOMPARE(document->model()->sampleCount, std::int64_t{16});
    QVERIFY(test::settled(*document));
    QCOMPARE(document->slotResult(document->slotOf("conv1.input"))->seenSamples, std::int64_t{16});
}

void TestDocumentEdits::whatIsNotFoldedIsNoted_data() {
    QTest::addColumn<int>("alone");  // batch norms after a relu
    QTest::addColumn<bool>("folds"); // and one after a convolution
    QTest::addColumn<int>("named");  // in the notice
    QTest::newRow("one stays, one folds") << 1 << true << 1;
    QTest::newRow("none folds") << 2 << false << 2;
    QTest::newRow("many stay") << 5 << true << 3;
    QTest::newRow("all fold") << 0 << true << 0;
}

void TestDocumentEdits::whatIsNotFoldedIsNoted() {
    QFETCH(int, alone);
    QFETCH(bool, folds);
    QFETCH(int, named);
    torch::jit::Module network("__torch__.Net");
    network.register_parameter("weight", at::ones({2, 2, 1, 1}), false);
    network.register_buffer("mean", at::zeros({2}));
    network.register_buffer("variance", at::ones({2}));
    std::string code = "def forward(self, x):\n";
    const std::string norm = "torch.batch_norm(x, None, None, self.mean, self.variance, False, 0.1, 1e-5, False)";
    if (folds)
        code += "    x = torch.conv2d(x, self.weight)\n    x = " + norm + "\n";
    for (int i = 0; i < alone; ++i)
        code += "    x = torch.relu(x)\n    x = " + norm + "\n";
    network.define(code + "    return torch.relu(x)\n");
    const QString file = m_files.filePath("norms.pt"), samples = m_files.filePath("norms.npz");
    network.save(file.toStdString());
    quant::NamedArrays arrays;
    std::vector<float> values(2 * 2 * 3 * 3);
    std::iota(values.begin(), values.end(), -9.0F);
    arrays.items.emplace_back("x", quant::Array::ofFloats({2, 2, 3, 3}, values));
    quant::writeNpz(samples.toStdString(), arrays);
    Document document;
    document.openModel(file, {samples});
    QVERIFY(test::settled(document));
    QSignalSpy notices(&document, &Document::noticeWhile), models(&document, &Document::modelChanged);
    document.setBatchNormsFolded(true);
    QVERIFY(test::settled(document));
    QCOMPARE(models.count(), folds ? 1 : 0);
    QCOMPARE(document.undoStack()->count(), folds ? 1 : 0);
    QCOMPARE(notices.count(), alone > 0 ? 1 : 0);
    if (alone > 0) {
        const QString text = notices[0][0].toString();
        QCOMPARE(text.count("has no linear or convolution layer before it"), named);
        QCOMPARE(text.contains(QString("and %1 more").arg(alone - named)), alone > named);
    }
    document.undoStack()->undo();
    document.undoStack()->redo();
    document.setBatchNormsFolded(false);
    QVERIFY(test::settled(document));
    QCOMPARE(notices.count(), alone > 0 ? 1 : 0); // said once
}

/// Every tensor that a recurrent layer computes step by step is marked, and no other.
void TestDocumentEdits::recurrentStepsAreFedBack() {
    const auto document = open("digits_lstm");
    const auto& model = *document->model();
    for (const char* path : {"rnn.l0.h_t", "rnn.l0.c_t", "rnn.l0.i_act.activation", "rnn.l0_reverse.w_hh.activation"})
        QVERIFY2(model.fedBack.at(static_cast<std::size_t>(document->slotOf(path))), path);
    for (const char* path : {"head.input", "head.activation", "rnn.l0.input", "rnn.l0.w_ih.weight", "rnn.l0.output"})
        QVERIFY2(!model.fedBack.at(static_cast<std::size_t>(document->slotOf(path))), path);
}

void TestDocumentEdits::labelsShareTheSamples() {
    Document document;
    const QString cnn = folder("digits_cnn");
    model::OpenRequest request;
    request.model = cnn + "/traced.pt";
    request.inputs["image"] = {model::InputSource::Kind::Random, {}, 0, {16, 1, 8, 8}};
    document.openModel(request);
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !document.isBusy(), 60'000);
    QSignalSpy failed(&document, &Document::failed);
    document.openLabels(cnn + "/labels.npy");
    QTRY_COMPARE(failed.count(), 1); // random samples have no classes
    QVERIFY(failed[0][2].toString().contains("open"));
    document.openSamples({cnn + "/inputs.npz"});
    document.openLabels(cnn + "/labels.npy"); // of the samples before it in the queue
    QTRY_VERIFY_WITH_TIMEOUT(document.model()->samples->labels.size() == 397 && !document.isBusy(), 60'000);
    QVERIFY(document.result()->predictions.accuracyFloat().has_value());
    QCOMPARE(document.model()->request.samples, QStringList{cnn + "/inputs.npz"});
}

QTEST_GUILESS_MAIN(TestDocumentEdits)
#include "tst_document_edits.moc"
