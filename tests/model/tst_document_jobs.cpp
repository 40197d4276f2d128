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

#include <functional>
#include <numeric>

using namespace fxp;
using model::Document;

namespace {

/// All that a user would miss if a failed or cancelled job took it.
struct Kept {
    explicit Kept(Document& document)
        : model(document.model()), formats(document.formats()), qconfigFile(document.qconfigFile()),
          steps(document.undoStack()->count()), index(document.undoStack()->index()), modified(document.isModified()) {}

    bool operator==(const Kept&) const = default;

    model::OpenedModelPointer model;
    quant::Formats formats;
    QString qconfigFile;
    int steps, index;
    bool modified;
};

/// digits_cnn with random samples.
model::OpenRequest randomCnn(const QString& folder) {
    model::OpenRequest request;
    request.model = folder + "/traced.pt";
    request.inputs["image"] = {model::InputSource::Kind::Random, {}, 0, {16, 1, 8, 8}};
    return request;
}

/// Training that ends by being stopped alone.
quant::FinetuneOptions endless() {
    quant::FinetuneOptions options;
    options.epochs = 1'000'000;
    return options;
}

} // namespace

/// Jobs of a real document: what stays when they fail, are cancelled or overtaken, and how it closes under them.
class TestDocumentJobs : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void failedOpenChangesNothing_data();
    void failedOpenChangesNothing();
    void lastOpenWins_data();
    void lastOpenWins();
    void openAfterOpenStartsAnew();
    void samplesForTheModelThatComes();
    void whatWaitedForTheOldModelIsCancelled();
    void busyWithSeveral();
    void cancelEndsAllThatWasAskedFor();
    void cancelledRunStaysCancelled();
    void editsDuringAJobAreRunAfterIt();
    void calibrationKeepsEditsMadeMeanwhile();
    void closingWhileBusy_data();
    void closingWhileBusy();
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
    void droppedAnswersLeaveTheSession();

  private:
    std::unique_ptr<Document> open(const QString& network = "digits_cnn") const;
    QString folder(const QString& network) const { return m_models + "/" + network; }
    QString m_models;
    QTemporaryDir m_files;
};

void TestDocumentJobs::initTestCase() {
    m_models = QString::fromStdString(test::modelFolder());
    QFile broken(m_files.filePath("broken.pt"));
    QVERIFY(broken.open(QIODevice::WriteOnly));
    broken.write("PK and nothing more");
}

std::unique_ptr<Document> TestDocumentJobs::open(const QString& network) const {
    auto document = std::make_unique<Document>();
    if (!test::openAndRun(*document, folder(network), "traced.pt"))
        qFatal("the model does not open");
    return document;
}

void TestDocumentJobs::failedOpenChangesNothing_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("inputs");
    QTest::addColumn<QString>("labels");
    QTest::addColumn<bool>("cancelled");
    const QString models = QString::fromStdString(test::modelFolder());
    const QString cnn = models + "/digits_cnn/";
    QTest::newRow("no such model") << "/no/such/model.pt"
                                   << ""
                                   << "" << false;
    QTest::newRow("broken model") << m_files.filePath("broken.pt") << ""
                                  << "" << false;
    QTest::newRow("no such samples") << cnn + "traced.pt"
                                     << "/no/such/samples.npz"
                                     << "" << false;
    QTest::newRow("another model's samples") << cnn + "traced.pt" << models + "/silero_vad/inputs.npz"
                                             << "" << false;
    QTest::newRow("labels that are none") << cnn + "traced.pt" << cnn + "inputs.npz" << cnn + "inputs.npz" << false;
    QTest::newRow("cancelled") << cnn + "traced.pt" << cnn + "inputs.npz" << cnn + "labels.npy" << true;
    QTest::newRow("samples alone") << "" << models + "/silero_vad/inputs.npz"
                                   << "" << false;
    QTest::newRow("samples alone, cancelled") << "" << cnn + "inputs.npz"
                                              << "" << true;
}

void TestDocumentJobs::failedOpenChangesNothing() {
    QFETCH(QString, model);
    QFETCH(QString, inputs);
    QFETCH(QString, labels);
    QFETCH(bool, cancelled);
    const auto document = open("digits_transformer");
    const int slot = document->slotOf("head.activation");
    document->saveQConfig(m_files.filePath("kept.json"));
    document->setFormats({{document->slotOf("stem.0.input"), {7, 5, {}, {}}}}, "one");
    document->setFormats({{slot, {6, 2, {}, {}}}}, "two"); // its run has not begun
    document->undoStack()->undo();
    document->undoStack()->redo();
    const Kept before(*document);
    QSignalSpy failed(document.get(), &Document::failed), changed(document.get(), &Document::modelChanged),
        samples(document.get(), &Document::samplesChanged);
    const QStringList files = inputs.isEmpty() ? QStringList() : QStringList(inputs);
    if (model.isEmpty())
        document->openSamples(files, labels);
    else
        document->openModel(model, files, labels, [] { QFAIL("it is open"); });
    if (cancelled)
        document->cancel();
    QVERIFY(test::settled(*document)); // the run that gave way has come to its end
    QCOMPARE(failed.count(), cancelled ? 0 : 1);
    QCOMPARE(changed.count() + samples.count(), 0);
    QVERIFY(Kept(*document) == before);
    QVERIFY(document->result()->complete);
    QVERIFY(document->slotResult(slot)->format == document->format(slot));
    document->undoStack()->undo();
    QVERIFY(document->format(slot).isFloat());
    QVERIFY(test::settled(*document));
}

void TestDocumentJobs::lastOpenWins_data() {
    QTest::addColumn<QString>("first");
    QTest::addColumn<bool>("begun");
    QTest::newRow("both good") << "digits_cnn/traced.pt" << false;
    QTest::newRow("first has begun") << "digits_cnn/traced.pt" << true;
    QTest::newRow("first is bad") << "no_such/traced.pt" << false;
}

void TestDocumentJobs::lastOpenWins() {
    QFETCH(QString, first);
    QFETCH(bool, begun);
    Document document;
    QStringList opened;
    QSignalSpy failed(&document, &Document::failed), changed(&document, &Document::modelChanged);
    const auto ask = [&](const QString& network, const QString& file) {
        document.openModel(m_models + "/" + file, {folder(network) + "/inputs.npz"}, {},
                           [&opened, network] { opened << network; });
    };
    ask("digits_cnn", first);
    ask("digits_cnn", first);
    if (begun)
        QCoreApplication::processEvents(); // handed to the thread
    ask("digits_transformer", "digits_transformer/traced.pt");
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !document.isBusy(), 60'000);
    QCOMPARE(opened, QStringList{"digits_transformer"});
    QCOMPARE(changed.count(), 1);
    QCOMPARE(failed.count(), 0);
    QVERIFY(document.model()->request.model.contains("digits_transformer"));
    QVERIFY(document.result()->complete);
}

void TestDocumentJobs::openAfterOpenStartsAnew() {
    const auto document = open();
    const QString file = m_files.filePath("first.json");
    document->setFormats({{0, {5, 4, {}, {}}}}, "edit");
    document->saveQConfig(file);
    bool opened = false;
    QSignalSpy changed(document.get(), &Document::modelChanged);
    document->openModel(folder("digits_cnn") + "/traced.pt", {folder("digits_cnn") + "/inputs.npz"}, {},
                        [&] { opened = true; });
    QTRY_VERIFY_WITH_TIMEOUT(opened, 60'000);
    QCOMPARE(changed.count(), 1);
    QVERIFY(document->format(0).isFloat() && !document->isModified());
    QVERIFY(document->qconfigFile().isEmpty());
    QCOMPARE(document->undoStack()->count(), 0);
    QVERIFY(test::settled(*document));
}

void TestDocumentJobs::samplesForTheModelThatComes() {
    Document document;
    document.openModel(randomCnn(folder("digits_cnn")));
    document.openSamples({folder("digits_cnn") + "/inputs.npz"}, folder("digits_cnn") + "/labels.npy");
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !document.isBusy(), 60'000);
    QCOMPARE(document.model()->sampleCount, std::int64_t{397});
    QVERIFY(!document.model()->randomSamples);
    QVERIFY(document.result()->predictions.accuracyFloat().has_value());
}

void TestDocumentJobs::whatWaitedForTheOldModelIsCancelled() {
    const auto document = open("digits_transformer");
    document->openModel(folder("digits_cnn") + "/traced.pt", {folder("digits_cnn") + "/inputs.npz"});
    document->calibrate({}, {});
    QTRY_VERIFY_WITH_TIMEOUT(document->slotOf("bn1.weight") >= 0 && !document->isBusy(), 60'000);
    QCOMPARE(document->undoStack()->count(), 0);
    QVERIFY(document->format(0).isFloat());
    QVERIFY(document->result()->complete);
}

void TestDocumentJobs::busyWithSeveral() {
    const auto document = open();
    QSignalSpy busy(document.get(), &Document::busyChanged);
    const QString file = m_files.filePath("several.safetensors");
    document->calibrate({}, {});
    document->saveWeights(file);
    document->calibrate({6, 6, 12, {}, {}}, {});
    QVERIFY(document->isBusy());
    QTRY_COMPARE_WITH_TIMEOUT(document->undoStack()->count(), 2, 60'000);
    QVERIFY(test::settled(*document));
    QVERIFY(QFile::exists(file));
    QCOMPARE(*document->format(document->slotOf("conv1.weight")).totalBits, 6);
    QStringList told;
    for (const auto& change : busy)
        told << (change[0].toBool() ? change[1].toString() : "idle");
    QVERIFY(told.size() >= 4);
    QCOMPARE(told.count("idle"), 1); // once, when the last was answered
    QCOMPARE(told.back(), QString("idle"));
}

void TestDocumentJobs::cancelEndsAllThatWasAskedFor() {
    const auto document = open();
    document->setFormats({{document->slotOf("conv1.weight"), {8, 6, {}, {}}}}, "edit");
    const Kept before(*document);
    QSignalSpy busy(document.get(), &Document::busyChanged), failed(document.get(), &Document::failed);
    document->finetune(endless());
    document->calibrate({}, {});
    document->setBatchNormsFolded(true);
    const auto trains = [&] {
        return std::ranges::any_of(busy, [](const auto& change) { return change[1].toString().contains("epoch 2"); });
    };
    QTRY_VERIFY_WITH_TIMEOUT(trains(), 60'000);
    document->cancel();
    QVERIFY(test::settled(*document));
    QVERIFY(Kept(*document) == before);
    QVERIFY(document->result()->complete); // the run that had given way
    QCOMPARE(failed.count(), 0);
}

void TestDocumentJobs::cancelledRunStaysCancelled() {
    const auto document = open();
    document->setFormats({{0, {5, 4, {}, {}}}}, "edit");
    document->cancel();
    QTRY_VERIFY(!document->isBusy());
    QVERIFY(document->result()->outputsStale);
    document->run();
    QVERIFY(test::settled(*document));
}

void TestDocumentJobs::editsDuringAJobAreRunAfterIt() {
    const auto document = open();
    document->finetune(endless());
    const int slot = document->slotOf("conv1.weight");
    document->setFormats({{slot, {4, 3, {}, {}}}}, "edit");
    QVERIFY(document->isStale(slot));
    document->cancel(); // the training; the edit's run comes after it
    QVERIFY(test::settled(*document));
    QVERIFY(document->slotResult(slot)->format == document->format(slot));
}

void TestDocumentJobs::calibrationKeepsEditsMadeMeanwhile() {
    const auto document = open();
    const int mine = document->slotOf("conv1.weight"), other = document->slotOf("bn1.weight");
    document->setFormats({{other, {8, 1, {}, {}}}}, "before");
    document->refit({other}, quant::Method::NoOverflow);
    QCoreApplication::processEvents(); // it has its formats
    document->setFormats({{mine, {9, 5, {}, {}}}}, "meanwhile");
    QTRY_COMPARE_WITH_TIMEOUT(document->undoStack()->count(), 3, 60'000);
    QVERIFY((document->format(mine) == quant::QType{9, 5, {}, {}}));
    QVERIFY(*document->format(other).fractionalBits != 1);
    QVERIFY(test::settled(*document));
}

void TestDocumentJobs::closingWhileBusy_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<bool>("begun");
    for (const char* kind : {"open", "samples", "labels", "run", "calibrate", "refit", "table", "load weights",
                             "save weights", "finetune", "fold", "log", "several"}) {
        QTest::addRow("%s at once", kind) << kind << false;
        QTest::addRow("%s begun", kind) << kind << true;
    }
}

void TestDocumentJobs::closingWhileBusy() {
    QFETCH(QString, kind);
    QFETCH(bool, begun);
    const QString cnn = folder("digits_cnn");
    const std::map<QString, std::function<void(Document&)>> kinds{
        {"open", [&](Document& d) { d.openModel(cnn + "/traced.pt", {cnn + "/inputs.npz"}); }},
        {"samples", [&](Document& d) { d.openSamples({cnn + "/inputs.npz"}); }},
        {"labels", [&](Document& d) { d.openLabels(cnn + "/labels.npy"); }},
        {"run",
         [](Document& d) {
             d.setFormats({{0, {5, 4, {}, {}}}}, "edit");
         }},
        {"calibrate", [](Document& d) { d.calibrate({}, {}); }},
        {"refit",
         [](Document& d) {
             d.refit({0, 1}, quant::Method::MinMse);
         }},
        {"table",
         [](Document& d) {
             d.requestTable(0, {4, 6, 8}, {1, 2, 3});
         }},
        {"load weights", [](Document& d) { d.loadWeights("/no/such.safetensors"); }},
        {"save weights", [&](Document& d) { d.saveWeights(m_files.filePath("closing.safetensors")); }},
        {"finetune", [](Document& d) { d.finetune(endless()); }},
        {"fold", [](Document& d) { d.setBatchNormsFolded(true); }},
        {"log", [](Document& d) { d.compareLog("/no/such.json"); }},
    };
    auto document = open();
    for (const auto& [name, start] : kinds) {
        if (name == kind || kind == "several")
            start(*document);
    }
    QVERIFY(document->isBusy());
    if (begun)
        QCoreApplication::processEvents(); // the first is handed to the thread
    document.reset();                      // waits for the thread: endless training would never end by itself
    QCoreApplication::processEvents();
}

void TestDocumentJobs::refusedByMessage_data() {
    QTest::addColumn<int>("slot");
    QTest::addColumn<int>("totalBits");
    QTest::newRow("too few bits") << 0 << 1;
    QTest::newRow("too many bits") << 0 << 65;
    QTest::newRow("no such tensor") << 1'000'000 << 8;
    QTest::newRow("negative tensor") << -1 << 8;
}

void TestDocumentJobs::refusedByMessage() {
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

void TestDocumentJobs::qconfigOfAnotherModelAsks_data() {
    QTest::addColumn<bool>("folded");
    QTest::newRow("the same batch norms") << false;
    QTest::newRow("other batch norms folded") << true;
}

void TestDocumentJobs::qconfigOfAnotherModelAsks() {
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
    QVERIFY_EXCEPTION_THROWN(document->loadQConfig(file), model::OtherModel);
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

void TestDocumentJobs::qconfigWithAnotherFold_data() {
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

void TestDocumentJobs::qconfigWithAnotherFold() {
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

void TestDocumentJobs::weightsAreOneStep() {
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

void TestDocumentJobs::foldKeepsOtherSamples() {
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

void TestDocumentJobs::whatIsNotFoldedIsNoted_data() {
    QTest::addColumn<int>("alone");  // batch norms after a relu
    QTest::addColumn<bool>("folds"); // and one after a convolution
    QTest::addColumn<int>("named");  // in the notice
    QTest::newRow("one stays, one folds") << 1 << true << 1;
    QTest::newRow("none folds") << 2 << false << 2;
    QTest::newRow("many stay") << 5 << true << 3;
    QTest::newRow("all fold") << 0 << true << 0;
}

void TestDocumentJobs::whatIsNotFoldedIsNoted() {
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
    QSignalSpy notices(&document, &Document::notice), models(&document, &Document::modelChanged);
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
void TestDocumentJobs::recurrentStepsAreFedBack() {
    const auto document = open("digits_lstm");
    const auto& model = *document->model();
    for (const char* path : {"rnn.l0.h_t", "rnn.l0.c_t", "rnn.l0.i_act.activation", "rnn.l0_reverse.w_hh.activation"})
        QVERIFY2(model.fedBack.at(static_cast<std::size_t>(document->slotOf(path))), path);
    for (const char* path : {"head.input", "head.activation", "rnn.l0.input", "rnn.l0.w_ih.weight", "rnn.l0.output"})
        QVERIFY2(!model.fedBack.at(static_cast<std::size_t>(document->slotOf(path))), path);
}

void TestDocumentJobs::labelsShareTheSamples() {
    Document document;
    const QString cnn = folder("digits_cnn");
    document.openModel(randomCnn(cnn));
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

/// A job may have changed the session when its answer is dropped: the next one works on what the document shows.
void TestDocumentJobs::droppedAnswersLeaveTheSession() {
    const QString cnn = folder("digits_cnn");
    const model::JobControl control{{}, [](const QString&) {}};
    model::OpenRequest request;
    request.model = cnn + "/traced.pt";
    request.samples = QStringList{cnn + "/inputs.npz"};
    request.labels = cnn + "/labels.npy";
    const auto opened = model::openModel(request, {}, true, control);
    QVERIFY(opened);
    model::Target target{opened->workspace, opened->model, nullptr, {}, 0, 1};
    target.formats.assign(opened->model->slots.size(), {});
    target.formats[static_cast<std::size_t>(opened->model->slotByPath.at("conv1.weight"))] = {4, 3, {}, {}};
    quant::RunSnapshot result;
    model::JobControl watched = control;
    watched.publish = [&result](const quant::RunSnapshot& snapshot) { result = snapshot; };
    QVERIFY(model::run(target, watched));
    const auto before = result;

    QVERIFY(model::openSamples(target, {}, {}, control));
    QVERIFY(model::run(target, watched));
    QVERIFY(test::sameResult(*result, *before));
    const auto& foldable = opened->model->foldable;
    const auto folded = model::fold(target, {foldable.begin(), foldable.end()}, {}, control);
    QVERIFY(folded && folded->model->slots.size() < opened->model->slots.size());
    // Figures for the table are those of the formats shown, though the session has not run since.
    const int slot = opened->model->slotByPath.at("conv1.weight");
    const auto table = model::table(target, {0, slot, {4}, {1}, {}}, control);
    QVERIFY(table);
    QCOMPARE(table->at(0), before->slots[static_cast<std::size_t>(slot)]->localFigures.sqnr());
    QVERIFY(model::run(target, watched));
    QVERIFY(test::sameResult(*result, *before));
    // What was stopped on the way back is made good by the next job.
    QVERIFY(model::openSamples(target, {}, {}, control));
    model::JobControl stopping = control;
    stopping.stop = [] { return true; };
    QVERIFY_THROWS_EXCEPTION(quant::Stopped, model::run(target, stopping));
    QVERIFY(model::run(target, watched));
    QVERIFY(test::sameResult(*result, *before));
}

QTEST_GUILESS_MAIN(TestDocumentJobs)
#include "tst_document_jobs.moc"
