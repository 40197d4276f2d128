#include "model/document.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <functional>

using namespace fxp;
using model::Document;
using test::Kept;

namespace {

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
    void whatFollowsAFailedOpenIsDropped_data();
    void whatFollowsAFailedOpenIsDropped();
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

void TestDocumentJobs::whatFollowsAFailedOpenIsDropped_data() {
    QTest::addColumn<bool>("samples");
    QTest::addColumn<bool>("labels");
    QTest::addColumn<bool>("again"); // after another model that gives way to it
    QTest::newRow("samples") << true << false << false;
    QTest::newRow("labels") << false << true << false;
    QTest::newRow("samples, then labels") << true << true << false;
    QTest::newRow("samples of the second open") << true << false << true;
}

/// Samples and labels that would fit the model that stays: they were meant for the one that does not open.
void TestDocumentJobs::whatFollowsAFailedOpenIsDropped() {
    QFETCH(bool, samples);
    QFETCH(bool, labels);
    QFETCH(bool, again);
    const auto document = open("digits_transformer");
    const Kept before(*document);
    QSignalSpy failed(document.get(), &Document::failed), changed(document.get(), &Document::modelChanged),
        taken(document.get(), &Document::samplesChanged);
    if (again)
        document->openModel(folder("digits_cnn") + "/traced.pt", {folder("digits_cnn") + "/inputs.npz"});
    document->openModel("/no/such/model.pt");
    if (samples)
        document->openSamples({folder("digits_transformer") + "/inputs.npz"});
    if (labels)
        document->openLabels(folder("digits_transformer") + "/labels.npy");
    QVERIFY(test::settled(*document));
    QCOMPARE(failed.count(), 1);
    QCOMPARE(failed[0][0].toString(), "/no/such/model.pt");
    QCOMPARE(changed.count() + taken.count(), 0);
    QVERIFY(Kept(*document) == before);
    // What is asked for afterwards is for the model that stayed.
    document->openSamples({folder("digits_transformer") + "/inputs.npz"});
    QVERIFY(test::settled(*document));
    QCOMPARE(taken.count(), 1);
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
