#include "model/document.h"
#include "quant/engine/session.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QFile>
#include <QImage>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>

#include "model/samples_loader.h"

using namespace fxp;
using model::Document;

class TestDocument : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void editRunsAndUndoes();
    void aDragIsOneStep();
    void manyEditsAtOnce();
    void figuresAreMarkedStaleUntilTheyAre();
    void coalescedEditsEndInTheLast();
    void saveAndLoad();
    void badQConfigChangesNothing();
    void anotherModelsQConfig();
    void badModelKeepsTheDocument();
    void badSamplesKeepTheDocument();
    void calibrateIsOneStep();
    void sameFiguresAsTheSession();
    void images();
    void littleMemoryGivesTheSameFigures();
    void foldingIsOneStep();

  private:
    std::unique_ptr<Document> open() const;
    std::shared_ptr<const quant::Samples> inputs() const;
    QString m_folder;
    QTemporaryDir m_files;
};

void TestDocument::initTestCase() {
    m_folder = QString::fromStdString(test::modelFolder()) + "/digits_transformer";
}

std::unique_ptr<Document> TestDocument::open() const {
    auto document = std::make_unique<Document>();
    if (!test::openAndRun(*document, m_folder, "traced.pt"))
        qFatal("the model does not open");
    return document;
}

std::shared_ptr<const quant::Samples> TestDocument::inputs() const {
    return std::make_shared<const quant::Samples>(
        quant::Samples{quant::readNpz((m_folder + "/inputs.npz").toStdString()), {}});
}

void TestDocument::editRunsAndUndoes() {
    auto document = open();
    const int slot = document->slotOf("head.activation");
    QVERIFY(slot >= 0);
    const auto before = document->result();
    document->setFormats({{slot, {8, 3, {}, {}}}}, "edit");
    QVERIFY(document->isModified());
    QVERIFY(test::settled(*document));
    QVERIFY(document->slotResult(slot)->figures.sumSquaredError > 0);
    document->undoStack()->undo();
    QVERIFY(!document->isModified());
    QVERIFY(test::settled(*document));
    QVERIFY(test::sameResult(*document->result(), *before));
    document->undoStack()->redo();
    QCOMPARE(*document->format(slot).fractionalBits, 3);
}

void TestDocument::aDragIsOneStep() {
    auto document = open();
    const int slot = document->slotOf("head.activation");
    const int gesture = Document::newGesture();
    for (int fraction = 0; fraction < 5; ++fraction)
        document->setFormats({{slot, {8, fraction, {}, {}}}}, "drag", gesture);
    document->setFormats({{slot, {8, 9, {}, {}}}}, "another drag", Document::newGesture());
    QCOMPARE(document->undoStack()->count(), 2);
    document->undoStack()->undo();
    QCOMPARE(*document->format(slot).fractionalBits, 4);
    document->undoStack()->undo();
    QVERIFY(document->format(slot).isFloat());
}

void TestDocument::manyEditsAtOnce() {
    auto document = open();
    model::FormatEdit edit;
    for (int slot = 0; slot < document->slotCount(); ++slot)
        edit.emplace(slot, quant::QType{16, 10, {}, {}});
    document->setFormats(edit, "all");
    QCOMPARE(document->undoStack()->count(), 1);
    QVERIFY(test::settled(*document));
    document->undoStack()->undo();
    QVERIFY(document->format(0).isFloat());
}

void TestDocument::figuresAreMarkedStaleUntilTheyAre() {
    auto document = open();
    const int first = document->slotOf("stem.0.input"), last = document->slotOf("head.activation");
    document->setFormats({{first, {4, 3, {}, {}}}}, "edit");
    QVERIFY(document->isStale(first));
    QVERIFY(document->result()->outputsStale);
    bool lastWaited = false;
    connect(document.get(), &Document::resultChanged, this, [&] {
        if (!document->isStale(first) && document->isStale(last))
            lastWaited = true;
        const auto result = document->slotResult(first);
        if (!document->isStale(first))
            QVERIFY(result->format == document->format(first));
    });
    QVERIFY(test::settled(*document));
    QVERIFY(lastWaited);
    QVERIFY(!document->isStale(last));
}

void TestDocument::coalescedEditsEndInTheLast() {
    auto document = open();
    const int slot = document->slotOf("embed.activation");
    for (int i = 0; i < 200; ++i)
        document->setFormats({{slot, {8, i % 7, {}, {}}}}, "drag", 99999);
    QVERIFY(test::settled(*document));
    QVERIFY(document->slotResult(slot)->format == document->format(slot));
    quant::Formats formats = document->formats();
    auto session = quant::openModel((m_folder + "/traced.pt").toStdString());
    session->setSamples(inputs());
    QVERIFY(test::sameResult(*session->run(formats), *document->result()));
}

void TestDocument::saveAndLoad() {
    auto document = open();
    const int slot = document->slotOf("embed.weight");
    document->setFormats({{slot, {5, 4, quant::Rounding::Floor, quant::Overflow::Wrap}}}, "edit");
    const QString file = m_files.filePath("a.json");
    document->saveQConfig(file);
    QVERIFY(!document->isModified());
    document->setFormats({{slot, {}}}, "edit");
    document->loadQConfig(file);
    QVERIFY((document->format(slot) == quant::QType{5, 4, quant::Rounding::Floor, quant::Overflow::Wrap}));
    QVERIFY(!document->isModified());
    QVERIFY_THROWS_EXCEPTION(Error, document->saveQConfig("/no/such/folder/q.json"));
    QCOMPARE(document->qconfigFile(), file);
}

void TestDocument::badQConfigChangesNothing() {
    auto document = open();
    const int slot = document->slotOf("embed.weight");
    document->setFormats({{slot, {5, 4, {}, {}}}}, "edit");
    QByteArray text = document->qconfig();
    text.replace("\"total_bits\": 5", "\"total_bits\": 99");
    const quant::Formats before = document->formats();
    const int steps = document->undoStack()->count();
    try {
        document->applyQConfig(text, false, "load");
        QFAIL("taken");
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("/layers/embed/weight/total_bits"));
    }
    QVERIFY(document->formats() == before);
    QCOMPARE(document->undoStack()->count(), steps);
}

void TestDocument::anotherModelsQConfig() {
    auto document = open();
    QByteArray text = document->qconfig();
    text.replace(QByteArray::fromStdString(document->model()->identity.sha256), "0123");
    text.replace("\"total_bits\": null,\n        \"fractional_bits\": null",
                 "\"total_bits\": 8,\n        \"fractional_bits\": 4");
    QVERIFY_THROWS_EXCEPTION(model::OtherModel, document->applyQConfig(text, false, "load"));
    QVERIFY(document->format(0).isFloat());
    document->applyQConfig(text, true, "load");
    QVERIFY(!document->format(0).isFloat());
}

void TestDocument::badModelKeepsTheDocument() {
    auto document = open();
    document->setFormats({{0, {5, 4, {}, {}}}}, "edit");
    QSignalSpy failed(document.get(), &Document::failed);
    document->openModel("/no/such/model.pt");
    QVERIFY(failed.wait());
    QCOMPARE(failed[0][0].toString(), QString("/no/such/model.pt"));
    QVERIFY(!failed[0][2].toString().isEmpty());
    QVERIFY(document->isOpen() && *document->format(0).totalBits == 5);
    document->run();
    QVERIFY(test::settled(*document));
}

void TestDocument::badSamplesKeepTheDocument() {
    auto document = open();
    const auto samples = document->model()->samples;
    QSignalSpy failed(document.get(), &Document::failed);
    document->openSamples({m_folder + "/labels.npy"});
    QVERIFY(failed.wait());
    QVERIFY(document->model()->samples == samples);
    document->setFormats({{0, {5, 4, {}, {}}}}, "edit");
    QVERIFY(test::settled(*document));
}

void TestDocument::calibrateIsOneStep() {
    auto document = open();
    document->calibrate({}, {});
    QTRY_COMPARE_WITH_TIMEOUT(document->undoStack()->count(), 1, 30'000);
    QVERIFY(test::settled(*document));
    QVERIFY(document->result()->outputs[0].sqnr > 20);
    QVERIFY(*document->result()->predictions.accuracyFixed() > 0.95);
    const int slot = document->slotOf("head.activation");
    document->setFormats({{slot, {8, -3, {}, {}}}}, "spoil");
    document->refit({slot}, quant::Method::NoOverflow);
    QTRY_VERIFY_WITH_TIMEOUT(*document->format(slot).fractionalBits > 0, 30'000);
    document->undoStack()->undo();
    document->undoStack()->undo();
    document->undoStack()->undo();
    QVERIFY(document->format(slot).isFloat());
}

void TestDocument::sameFiguresAsTheSession() {
    auto document = open();
    document->calibrate({6, 7, 12, {}, {}}, {});
    QTRY_COMPARE_WITH_TIMEOUT(document->undoStack()->count(), 1, 30'000);
    QVERIFY(test::settled(*document));
    auto session = quant::openModel((m_folder + "/traced.pt").toStdString());
    session->setSamples(inputs());
    QVERIFY(test::sameResult(*session->run(document->formats()), *document->result()));
}

void TestDocument::littleMemoryGivesTheSameFigures() {
    auto document = open();
    Document small;
    small.setMemory(1 << 20); // a batch of a few samples, nothing kept between runs
    QVERIFY(test::openAndRun(small, m_folder, "traced.pt"));
    const int slot = document->slotOf("encoder.layers.0.linear1.activation");
    for (Document* each : {document.get(), &small}) {
        each->setFormats({{slot, {6, 4, {}, {}}}}, "edit");
        QVERIFY(test::settled(*each));
    }
    const auto &a = document->slotResult(slot)->figures, &b = small.slotResult(slot)->figures;
    QCOMPARE(b.count, a.count);
    QVERIFY(std::abs(b.overflow() - a.overflow()) <= 2); // float GEMMs of other sizes differ by ulps
    QCOMPARE(small.result()->predictions.fromFixed, document->result()->predictions.fromFixed);
}

void TestDocument::images() {
    QStringList files;
    for (int i = 0; i < 3; ++i) {
        QImage image(8, 6, QImage::Format_Grayscale8);
        image.fill(40 * i);
        files << m_files.filePath(QString("%1.png").arg(i));
        QVERIFY(image.save(files.back()));
    }
    const auto grey = model::readSamples({m_files.path()});
    QVERIFY((grey.items[0].second.shape == std::vector<std::int64_t>{3, 1, 6, 8}));
    QCOMPARE(grey.items[0].second.floats()[48], 40 / 255.0f);
    QImage colour(8, 6, QImage::Format_RGB32);
    colour.fill(QColor(255, 0, 0));
    files << m_files.filePath("colour.png");
    colour.save(files.back());
    const auto rgb = model::readSamples(files);
    QVERIFY((rgb.items[0].second.shape == std::vector<std::int64_t>{4, 3, 6, 8}));
    colour.scaled(3, 3).save(m_files.filePath("small.png"));
    QVERIFY_THROWS_EXCEPTION(Error, model::readSamples({files[0], m_files.filePath("small.png")}));
    QVERIFY_THROWS_EXCEPTION(Error, model::readSamples({m_files.filePath("nothing.txt")}));
}

void TestDocument::foldingIsOneStep() {
    Document document;
    QVERIFY(test::openAndRun(document, QString::fromStdString(test::modelFolder()) + "/digits_cnn", "traced.pt"));
    document.calibrate({}, {});
    QVERIFY(QTest::qWaitFor([&] { return document.undoStack()->count() == 1; }, 30'000));
    QVERIFY(test::settled(document));
    const auto slotCount = document.slotCount();
    const quant::Formats formats = document.formats();
    const QByteArray unfolded = document.qconfig();

    document.setBatchNormsFolded(true);
    QVERIFY(QTest::qWaitFor([&] { return document.undoStack()->count() == 2; }, 30'000));
    QVERIFY(test::settled(document));
    QVERIFY(document.slotCount() < slotCount);
    QCOMPARE(document.slotOf("bn1.weight"), -1);
    const QByteArray folded = document.qconfig();
    QVERIFY(folded.contains("\"folded\""));

    document.undoStack()->undo();
    QCOMPARE(document.slotCount(), slotCount);
    QVERIFY(document.formats() == formats);
    QVERIFY(test::settled(document));
    QVERIFY(document.result()->complete);

    // A config of the folded model folds; one of the other unfolds.
    document.applyQConfig(folded, false, "Open QConfig");
    QVERIFY(QTest::qWaitFor([&] { return document.slotCount() < slotCount; }, 30'000));
    QVERIFY(test::settled(document));
    QCOMPARE(document.qconfig(), folded);
    document.applyQConfig(unfolded, false, "Open QConfig");
    QVERIFY(QTest::qWaitFor([&] { return document.slotCount() == slotCount; }, 30'000));
    QVERIFY(test::settled(document));
    QCOMPARE(document.qconfig(), unfolded);
}

QTEST_GUILESS_MAIN(TestDocument)
#include "tst_document.moc"
