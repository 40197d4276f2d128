#include "model/session_file.h"
#include "quant/core/error.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>

using namespace fxp;
using model::SessionFile;

namespace {

const QString kFolder = "/home/me/nets";

SessionFile whole() {
    SessionFile session;
    session.request.model = "/home/me/nets/cnn/net.pt";
    session.request.samples = QStringList{"/home/me/nets/a.npz", "/data/b.npz"};
    session.request.labels = "/home/me/labels.npy"; // above: no part of the folder
    session.request.qconfig = "/home/me/nets/q.json";
    session.request.weights = "/home/me/nets/w.safetensors";
    session.request.inputs["sr"] = {model::InputSource::Kind::Value, {}, 16000, {}};
    session.request.seed = 12345678901234567890u;
    session.request.heldOut = 0.25;
    for (const char digit : {'1', '2', '3'})
        session.sha256[QString("/home/me/nets/%1").arg(digit)] = QString(64, digit);
    session.sha256["/data/b.npz"] = QString(64, 'b');
    session.edits.emplace();
    session.edits->folded = {"bn1", "bn2"};
    session.edits->formats = {{"fc.weight", {8, 7, {}, {}}}, {"fc.input", {6, -2, {}, {}}}};
    session.geometry = QByteArray("\0\1\2\xff geometry", 13);
    session.panes["top"] = "pane";
    session.selection = QStringList{"fc.weight", "fc.input"};
    session.current = "fc.input";
    QJsonObject run{{"name", "8 bits"}, {"formats", QJsonObject()}, {"note", "kept"}};
    session.runs.append(run);
    return session;
}

bool same(const SessionFile& a, const SessionFile& b) {
    return a.request == b.request && a.sha256 == b.sha256 && a.edits == b.edits && a.geometry == b.geometry &&
           a.panes == b.panes && a.selection == b.selection && a.current == b.current && a.runs == b.runs;
}

} // namespace

/// What a session file keeps, and what is refused as one.
class TestSessionFile : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void comesBackWhole();
    void filesBesideItMoveWithIt();
    void littleIsEnough();
    void wrongOnesAreRefused_data();
    void wrongOnesAreRefused();
    void theSchemaDescribesIt();
    void changedFilesAreFound();
    void aFileIsReplaced();
};

void TestSessionFile::comesBackWhole() {
    const SessionFile session = whole();
    QVERIFY(same(model::sessionFileFrom(toBytes(session, kFolder), kFolder), session));
}

void TestSessionFile::filesBesideItMoveWithIt() {
    const QByteArray bytes = toBytes(whole(), kFolder);
    const QJsonObject open = QJsonDocument::fromJson(bytes).object()["open"].toObject();
    QCOMPARE(open["model"].toString(), QString("cnn/net.pt"));
    QCOMPARE(open["labels"].toString(), QString("/home/me/labels.npy"));
    const SessionFile moved = model::sessionFileFrom(bytes, "/mnt/copy");
    QCOMPARE(moved.request.model, QString("/mnt/copy/cnn/net.pt"));
    QCOMPARE(moved.request.samples, (QStringList{"/mnt/copy/a.npz", "/data/b.npz"}));
    QCOMPARE(moved.request.labels, QString("/home/me/labels.npy"));
    QCOMPARE(moved.request.weights, QString("/mnt/copy/w.safetensors"));
    QCOMPARE(moved.sha256.at("/mnt/copy/1"), QString(64, '1'));
}

void TestSessionFile::littleIsEnough() {
    const SessionFile session = model::sessionFileFrom(
        R"({"format": "fxp-workbench/session", "version": 1, "open": {"model": "net.pt"}})", kFolder);
    QCOMPARE(session.request.model, QString("/home/me/nets/net.pt"));
    QVERIFY(!session.edits && session.runs.isEmpty() && session.selection.isEmpty());
}

void TestSessionFile::wrongOnesAreRefused_data() {
    QTest::addColumn<QByteArray>("before");
    QTest::addColumn<QByteArray>("after");
    QTest::addColumn<QString>("where");
    const auto row = [](const char* name, const char* before, const char* after, const char* where) {
        QTest::newRow(name) << QByteArray(before) << QByteArray(after) << QString(where);
    };
    row("torn", "\"runs\": [", "", "");
    row("another format", "fxp-workbench/session", "fxp-workbench/qconfig", "/format");
    row("another version", "\"version\": 1", "\"version\": 2", "/version");
    row("version as a fraction", "\"version\": 1", "\"version\": 1.0", "/version");
    row("an unknown key", "\"selection\": {", "\"more\": 1, \"selection\": {", "/more");
    row("a key twice", "\"runs\": [", "\"runs\": [], \"runs\": [", "");
    row("no files", "\"open\": {", "\"opened\": {", "/opened");
    row("no model", "\"model\": \"cnn/net.pt\"", "\"model\": \"\"", "/open/model");
    row("a model that is a number", "\"cnn/net.pt\"", "7", "/open/model");
    row("samples that are a text", "\"samples\": [", "\"samples\": \"a\", \"labels2\": [", "/open/labels2");
    row("a source that there is not", "\"source\": \"value\"", "\"source\": \"guess\"", "/open/inputs.sr");
    row("a share above 1", "\"held_out\": 0.25", "\"held_out\": 1.25", "/open/held_out");
    row("a hash too short", "1111111111", "111", "/sha256/1");
    row("a hash of letters", "1111111111", "111111111g", "/sha256/1");
    row("hashes as a list", "\"sha256\": {", "\"sha256\": [], \"window\": {", "");
    row("a format of too many bits", "\"total_bits\": 8", "\"total_bits\": 99", "/edits/formats/fc.weight/total_bits");
    row("weights among the edits", "\"folded\": [", "\"weights\": \"w\", \"folded\": [", "/edits/weights");
    row("folding that is a text", "\"bn1\"", "1", "/edits/folded");
    row("a geometry that is no base64", "\"geometry\": \"", "\"geometry\": \"??", "/window/geometry");
    row("a pane that is a number", "\"top\": \"", "\"right\": 4, \"top\": \"", "/window/panes/right");
    row("an unknown part of the window", "\"panes\": {", "\"docks\": 1, \"panes\": {", "/window/docks");
    row("a selection of numbers", "\"tensors\": [", "\"tensors\": [1,", "/selection/tensors");
    row("a run without a name", "\"name\": \"8 bits\",", "", "/runs/0");
    row("a run without formats", "\"formats\": {},", "", "/runs/0");
    row("runs that are an object", "\"runs\": [", "\"runs\": {}, \"run\": [", "/run");
}

void TestSessionFile::wrongOnesAreRefused() {
    QFETCH(QByteArray, before);
    QFETCH(QByteArray, after);
    QFETCH(QString, where);
    QByteArray bytes = toBytes(whole(), kFolder);
    const qsizetype at = bytes.indexOf(before);
    QVERIFY2(at >= 0, bytes.constData());
    bytes.replace(at, before.size(), after);
    try {
        model::sessionFileFrom(bytes, kFolder);
        QFAIL("it is taken");
    } catch (const Error& error) {
        QVERIFY2(where.isEmpty() || error.where == where.toStdString(), error.what());
        QVERIFY2(!QString(error.what()).contains('\n'), error.what());
    }
}

void TestSessionFile::theSchemaDescribesIt() {
    QProcess check;
    check.start("/usr/bin/python3", {"-c", "import jsonschema"});
    if (!check.waitForFinished(60'000) || check.exitCode() != 0)
        QSKIP("needs python3-jsonschema");
    QTemporaryDir folder;
    QFile file(folder.filePath("work.fxp"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(toBytes(whole(), kFolder));
    file.close();
    check.start("/usr/bin/python3", {"-c",
                                     "import json,sys,jsonschema; jsonschema.validate(json.load(open(sys.argv[2])), "
                                     "json.load(open(sys.argv[1])))",
                                     FXP_SOURCE_DIR "/resources/schemas/session.schema.json", file.fileName()});
    QVERIFY(check.waitForFinished(60'000));
    QVERIFY2(check.exitCode() == 0, check.readAllStandardError());
}

void TestSessionFile::changedFilesAreFound() {
    QTemporaryDir folder;
    const auto write = [&](const QString& name, const QByteArray& bytes) {
        QFile file(folder.filePath(name));
        return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size();
    };
    SessionFile session;
    session.request.model = folder.filePath("net.pt");
    session.request.samples = QStringList{folder.filePath("a.npz"), folder.filePath("images")};
    session.request.labels = folder.filePath("l.npy");
    QVERIFY(write("net.pt", "net") && write("a.npz", "a") && write("l.npy", "l") &&
            QDir(folder.path()).mkdir("images"));
    session.sha256 = model::hashesOf(session.request);
    QCOMPARE(session.sha256.size(), std::size_t{3});
    QCOMPARE(session.sha256[folder.filePath("a.npz")],
             QString::fromLatin1(QCryptographicHash::hash("a", QCryptographicHash::Sha256).toHex()));
    QVERIFY(model::changedFiles(session).empty());
    QVERIFY(write("a.npz", "b") && QFile::remove(folder.filePath("l.npy")));
    const auto changed = model::changedFiles(session);
    QCOMPARE(changed.size(), std::size_t{2});
    QVERIFY(changed[0].path.endsWith("a.npz") && !changed[0].isGone);
    QVERIFY(changed[1].path.endsWith("l.npy") && changed[1].isGone);
}

void TestSessionFile::aFileIsReplaced() {
    QTemporaryDir folder;
    SessionFile session = whole();
    session.sha256[session.request.model] = QString(64, 'c');
    const SessionFile other = model::withFile(session, session.request.model, "/else/net.pt");
    QCOMPARE(other.request.model, QString("/else/net.pt"));
    QCOMPARE(other.sha256.at("/else/net.pt"), QString(64, 'c'));
    QVERIFY(!other.sha256.contains(session.request.model));
    QCOMPARE(other.request.samples, session.request.samples);
}

QTEST_GUILESS_MAIN(TestSessionFile)
#include "tst_session_file.moc"
