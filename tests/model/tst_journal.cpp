#include "model/document.h"
#include "model/journal.h"
#include "model/journal_file.h"
#include "model/journal_keeper.h"
#include "quant/core/error.h"
#include "quant/io/safetensors.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <atomic>
#include <memory>

using namespace fxp;
using model::Document;
using model::Journal;
using model::JournalFile;
using model::JournalKeeper;
using model::JournalLine;

namespace {

std::atomic<int> waitsForDisk = 0;

} // namespace

// In the place of the C library's: a disk that others keep busy takes seconds for each.
extern "C" int fsync(int) {
    ++waitsForDisk;
    return 0;
}

extern "C" int fdatasync(int) {
    ++waitsForDisk;
    return 0;
}

/// What a crash leaves, and what is taken from it.
class TestJournal : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void init();
    void linesAddUp();
    void whatIsTornIsIgnored_data();
    void whatIsTornIsIgnored();
    void othersAreRefused_data();
    void othersAreRefused();
    void aLiveJournalIsNotTaken();
    void linesDoNotWaitForTheDisk();
    void aFailedFirstLineIsTriedAgain();
    void aWeightsFileGoesWithItsJournal();
    void editsAreWritten();
    void steadyEditingIsWrittenSteadily();
    void savingEndsTheJournal();
    void leavingWithoutSavingKeepsIt();
    void anotherModelEndsTheJournal();
    void weightsAndFoldingComeBackInOneStep();
    void whatCannotBeWrittenIsToldOnce();

  private:
    static JournalLine header();
    static quant::QType word(int total, int fraction) { return {total, fraction, {}, {}}; }
    std::unique_ptr<Document> opened() const;
    /// The only journal in the folder, as another program that starts now would read it; the lock is not asked.
    Journal onDisk() const;
    QStringList files() const { return QDir(m_folder->path()).entryList(QDir::Files); }

    std::unique_ptr<QTemporaryDir> m_folder;
    const QString m_models = QString::fromStdString(test::modelFolder());
};

void TestJournal::init() {
    m_folder = std::make_unique<QTemporaryDir>();
}

JournalLine TestJournal::header() {
    JournalLine line;
    model::OpenRequest request;
    request.model = "/models/net \"1\".pt";
    request.samples = QStringList{"/data/a.npz"};
    request.labels = "/data/l.npy";
    request.qconfig = "/data/q.json";
    line.open = {request, "net", std::string(64, 'a')};
    line.state.emplace();
    line.state->folded = {"bn1"};
    line.state->formats = {{"fc.weight", word(8, 7)}, {"fc.input", word(6, 2)}};
    return line;
}

std::unique_ptr<Document> TestJournal::opened() const {
    auto document = std::make_unique<Document>();
    if (!test::openAndRun(*document, m_models + "/digits_cnn", "traced.pt"))
        qFatal("the model does not open");
    return document;
}

Journal TestJournal::onDisk() const {
    const auto names = QDir(m_folder->path()).entryList({"*.journal"});
    QFile file(m_folder->filePath(names.value(0)));
    if (names.size() != 1 || !file.open(QIODevice::ReadOnly))
        return {};
    return model::readJournal(file.readAll());
}

void TestJournal::linesAddUp() {
    JournalLine edit, drop, weights, clean;
    edit.formats = {{"fc.weight", word(5, 4)}, {"fc.bias", word(16, -3)}};
    drop.formats = {{"fc.input", {}}};
    weights.weights = {"/data/w.safetensors", true};
    clean.isClean = true;
    const QByteArray bytes = toBytes(header()) + toBytes(edit) + toBytes(drop) + toBytes(weights);
    QCOMPARE(bytes.count('\n'), 4);
    const Journal journal = model::readJournal(bytes);
    QVERIFY(journal.request == header().open->request);
    QCOMPARE(journal.modelName, std::string("net"));
    QCOMPARE(journal.sha256, std::string(64, 'a'));
    const std::map<std::string, quant::QType> formats{{"fc.weight", word(5, 4)}, {"fc.bias", word(16, -3)}};
    QVERIFY(journal.state.formats == formats);
    QVERIFY(journal.state.folded == std::set<std::string>{"bn1"});
    QCOMPARE(journal.state.weights, QString("/data/w.safetensors"));
    QVERIFY(journal.state.tuned && !journal.isClean);
    QCOMPARE(journal.changes, 3);
    QVERIFY(model::readJournal(bytes + toBytes(clean)).isClean);
}

void TestJournal::whatIsTornIsIgnored_data() {
    QTest::addColumn<QByteArray>("rest");
    QTest::newRow("nothing after") << QByteArray();
    QTest::newRow("half a line") << QByteArray(R"({"formats":{"fc.bias":{"total_b)");
    QTest::newRow("a line without its end") << QByteArray(R"({"formats":{}})");
    QTest::newRow("zeros of a power cut") << QByteArray(512, '\0');
    QTest::newRow("zeros and a newline") << QByteArray(512, '\0') + "\n{\"formats\":{}}\n";
    QTest::newRow("a format that makes no sense")
        << QByteArray(R"({"formats":{"fc.bias":{"total_bits":999,"fractional_bits":1,"q_method":2}}})") + '\n';
    QTest::newRow("another type") << QByteArray("{\"weights\":7}\n");
    QTest::newRow("a list") << QByteArray("[1, 2]\n");
}

void TestJournal::whatIsTornIsIgnored() {
    QFETCH(QByteArray, rest);
    JournalLine edit;
    edit.formats = {{"fc.weight", word(5, 4)}};
    const Journal journal = model::readJournal(toBytes(header()) + toBytes(edit) + rest);
    QVERIFY(journal.state.formats.at("fc.weight") == word(5, 4));
    QCOMPARE(journal.state.formats.size(), std::size_t{2});
    QCOMPARE(journal.changes, 1);
    QVERIFY(journal.state.weights.isEmpty());
}

void TestJournal::othersAreRefused_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("torn in its first line") << toBytes(header()).chopped(1);
    QTest::newRow("no JSON") << QByteArray("hello\n");
    QTest::newRow("another format") << toBytes(header()).replace("/journal", "/session");
    QTest::newRow("another version") << toBytes(header()).replace("\"version\":1", "\"version\":2");
    QTest::newRow("no model") << toBytes(header()).replace("\"model\":\"/models", "\"modell\":\"/models");
}

void TestJournal::othersAreRefused() {
    QFETCH(QByteArray, bytes);
    QVERIFY_EXCEPTION_THROWN(model::readJournal(bytes), Error);
}

void TestJournal::aLiveJournalIsNotTaken() {
    auto live = std::make_unique<JournalFile>(m_folder->path());
    live->append(toBytes(header()));
    QCOMPARE(model::journalsIn(m_folder->path()), std::vector<QString>{live->path()});
    QVERIFY(!JournalFile::taken(live->path()));
    const QString path = live->path();
    live.reset();
    const auto left = JournalFile::taken(path);
    QVERIFY(left);
    QCOMPARE(left->read(), toBytes(header()));
    QVERIFY(!JournalFile::taken(path)); // one at a time
}

/// Else a program that is killed while the disk is busy loses what waits, its first edits above all.
void TestJournal::linesDoNotWaitForTheDisk() {
    JournalFile file(m_folder->filePath("new"));
    waitsForDisk = 0;
    file.append(toBytes(header()));
    file.append("a\n");
    QCOMPARE(int(waitsForDisk), 0);
    QCOMPARE(file.read(), toBytes(header()) + "a\n");
    file.sync();
    QCOMPARE(int(waitsForDisk), 2); // the bytes, and the file's name in its folder
    file.append("b\n");
    file.sync();
    QCOMPARE(int(waitsForDisk), 3);
}

void TestJournal::aFailedFirstLineIsTriedAgain() {
    JournalFile file(m_folder->path());
    QVERIFY(QDir().mkpath(file.path())); // a folder has the name: the file cannot be renamed to it
    QVERIFY_EXCEPTION_THROWN(file.append("a\n"), Error);
    QVERIFY(files().isEmpty());
    QVERIFY(QDir().rmdir(file.path()));
    file.append("b\n");
    QCOMPARE(file.read(), QByteArray("b\n"));
    QCOMPARE(files().size(), 1);
}

void TestJournal::aWeightsFileGoesWithItsJournal() {
    JournalFile file(m_folder->path()), other(m_folder->path());
    file.append("a\n");
    other.append("b\n");
    for (const QString& path : {file.newWeightsPath(), file.newWeightsPath(), other.newWeightsPath()})
        quant::writeSafetensors(path.toStdString(), {});
    QCOMPARE(files().size(), 5);
    file.remove();
    QCOMPARE(files().size(), 2);
    QVERIFY(QFile::exists(other.path()));
}

void TestJournal::editsAreWritten() {
    const auto document = opened();
    JournalKeeper keeper(*document, m_folder->path());
    keeper.flush();
    QVERIFY(files().isEmpty()); // nothing is unsaved
    const int slot = document->slotOf("fc.weight");
    document->setFormats({{slot, word(7, 5)}}, "edit");
    QTRY_COMPARE(files().size(), 1);
    QTRY_VERIFY(onDisk().state.formats["fc.weight"] == word(7, 5));
    QCOMPARE(onDisk().request.model, QFileInfo(m_models + "/digits_cnn/traced.pt").absoluteFilePath());
    QCOMPARE(onDisk().request.labels, QFileInfo(m_models + "/digits_cnn/labels.npy").absoluteFilePath());
    QCOMPARE(onDisk().sha256, document->model()->identity.sha256);
    document->setFormats({{slot, word(6, 5)}}, "edit");
    QTRY_VERIFY(onDisk().state.formats["fc.weight"] == word(6, 5));
    QVERIFY(!onDisk().isClean);
    document->undoStack()->undo();
    QTRY_VERIFY(onDisk().state.formats["fc.weight"] == word(7, 5));
    document->undoStack()->undo();
    QTRY_VERIFY(onDisk().isClean); // nothing to offer, but the next edit has its place
    document->undoStack()->redo();
    QTRY_VERIFY(!onDisk().isClean && onDisk().state.formats["fc.weight"] == word(7, 5));
    document->openLabels(m_models + "/digits_cnn/labels.npy");
    document->openSamples({m_models + "/digits_cnn/inputs.npz"});
    QTRY_VERIFY_WITH_TIMEOUT(onDisk().request.labels.isEmpty(), 30'000);
}

void TestJournal::steadyEditingIsWrittenSteadily() {
    const auto document = opened();
    document->setLive(false);
    JournalKeeper keeper(*document, m_folder->path());
    const int slot = document->slotOf("fc.weight");
    const int gesture = Document::newGesture();
    int written = 0; // of 100 edits without a pause, those that were on the disk when a later one was made
    for (int edit = 0; edit < 100; ++edit) {
        document->setFormats({{slot, word(8, edit % 7)}}, "drag", gesture);
        QTest::qWait(15);
        const QStringList names = files();
        written = names.isEmpty() ? 0 : onDisk().changes;
    }
    QVERIFY2(written >= 5, qPrintable(QString::number(written)));
}

void TestJournal::savingEndsTheJournal() {
    const auto document = opened();
    JournalKeeper keeper(*document, m_folder->path());
    QTemporaryDir elsewhere;
    document->setFormats({{0, word(7, 5)}}, "edit");
    keeper.flush();
    QCOMPARE(files().size(), 1);
    document->saveQConfig(elsewhere.filePath("q.json"));
    QTRY_VERIFY(files().isEmpty());
    document->setFormats({{0, word(6, 5)}}, "edit");
    QTRY_COMPARE(files().size(), 1);
    QCOMPARE(onDisk().request.qconfig, elsewhere.filePath("q.json"));
    QVERIFY(onDisk().state.formats[document->slotInfos()[0].path] == word(6, 5));
}

void TestJournal::leavingWithoutSavingKeepsIt() {
    {
        const auto document = opened();
        JournalKeeper keeper(*document, m_folder->path());
        document->setFormats({{0, word(7, 5)}}, "edit"); // the program is ended before anything else happens
    }
    QCOMPARE(onDisk().state.formats.size(), std::size_t{1});
    m_folder = std::make_unique<QTemporaryDir>();
    {
        const auto document = opened();
        JournalKeeper keeper(*document, m_folder->path());
        document->setFormats({{0, word(7, 5)}}, "edit");
        keeper.flush();
        keeper.finish(); // discarded by the user
    }
    QVERIFY(files().isEmpty());
}

void TestJournal::anotherModelEndsTheJournal() {
    const auto document = opened();
    JournalKeeper keeper(*document, m_folder->path());
    document->setFormats({{0, word(7, 5)}}, "edit");
    keeper.flush();
    QSignalSpy failed(document.get(), &Document::failed);
    document->openModel("/no/such/model.pt");
    QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, 30'000);
    keeper.flush();
    QCOMPARE(files().size(), 1); // the edits are still shown
    QVERIFY(test::openAndRun(*document, m_models + "/digits_lstm", "traced.pt"));
    keeper.flush();
    QTRY_VERIFY(files().isEmpty());
}

void TestJournal::weightsAndFoldingComeBackInOneStep() {
    const auto document = opened();
    auto keeper = std::make_unique<JournalKeeper>(*document, m_folder->path());
    document->setFormats({{document->slotOf("fc.weight"), word(7, 5)}}, "edit");
    quant::FinetuneOptions options;
    options.epochs = 1;
    document->finetune(options);
    QTRY_VERIFY_WITH_TIMEOUT(document->weights() && !document->isBusy(), 60'000);
    QVERIFY(document->unsaved() == (model::Unsaved{1, false, true, true}));
    document->setBatchNormsFolded(true);
    QTRY_VERIFY_WITH_TIMEOUT(document->slotOf("bn1.weight") < 0 && !document->isBusy(), 60'000);
    keeper->flush();
    const auto weights = document->weights();
    const auto formats = document->formats();
    const Journal journal = onDisk();
    QVERIFY(journal.state.tuned);
    QCOMPARE(files().size(), 2);

    Document other;
    QVERIFY(test::openAndRun(other, m_models + "/digits_cnn", "traced.pt"));
    const auto before = other.formats();
    bool shown = false;
    other.restore(journal.state, "Recovered edits", [&] { shown = true; });
    QTRY_VERIFY_WITH_TIMEOUT(shown, 60'000);
    QVERIFY(other.formats() == formats);
    QVERIFY(other.slotOf("bn1.weight") < 0);
    QCOMPARE(other.weights()->items.size(), weights->items.size());
    for (const auto& [name, array] : weights->items)
        QVERIFY(other.weights()->find(name) && other.weights()->find(name)->bytes == array.bytes);
    QCOMPARE(model::inWords(other.unsaved()),
             QString("the format of 1 tensor, folding of batch norms, fine-tuned weights"));
    QCOMPARE(other.undoStack()->count(), 1);
    other.undoStack()->undo();
    QVERIFY(other.formats() == before && !other.weights() && !other.isModified());

    // Back to the model's own weights and forth: the file is written once.
    while (document->weights())
        document->undoStack()->undo();
    keeper->flush();
    QVERIFY(onDisk().state.weights.isEmpty());
    while (document->undoStack()->canRedo())
        document->undoStack()->redo();
    keeper->flush();
    QCOMPARE(onDisk().state.weights, journal.state.weights);
    QCOMPARE(files().size(), 2);
    document->cancel();
}

void TestJournal::whatCannotBeWrittenIsToldOnce() {
    const auto document = opened();
    const QString folder = m_folder->filePath("folder");
    QFile inItsPlace(folder);
    QVERIFY(inItsPlace.open(QIODevice::WriteOnly));
    JournalKeeper keeper(*document, folder);
    QSignalSpy failed(&keeper, &JournalKeeper::failed);
    for (int edit = 0; edit < 3; ++edit) {
        document->setFormats({{0, word(7, edit)}}, "edit");
        keeper.flush();
        QCoreApplication::processEvents();
    }
    QCOMPARE(failed.size(), 1);
    QVERIFY(inItsPlace.remove());
    document->setFormats({{1, word(9, 1)}}, "edit");
    bool written = false;
    keeper.whenWritten([&](bool done) { written = done; });
    QTRY_VERIFY(written);
    const auto journals = model::journalsIn(folder);
    QCOMPARE(journals.size(), std::size_t{1});
    QFile file(journals.front());
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(model::readJournal(file.readAll()).state.formats.size(), std::size_t{2}); // the earlier edit, too
}

QTEST_GUILESS_MAIN(TestJournal)
#include "tst_journal.moc"
