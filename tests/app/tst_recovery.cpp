#include "app/gui/main_window.h"
#include "app/gui/message_strip.h"
#include "app/gui/recovery_dialog.h"
#include "views/plots/bit_ruler.h"

#include <QApplication>
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QListWidget>
#include <QProcess>
#include <QPushButton>
#include <QRandomGenerator>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cstdlib>
#include <memory>

using namespace fxp;
using gui::MainWindow;

namespace {

constexpr auto kTensor = "encoder.layers.1.linear1.activation";
constexpr int kStart = 4; ///< its fraction bits in the demo's QConfig

// This program is its own subject, too: with a first argument it is the workbench with a user in front of it, which the
// tests start and kill.

int fraction(MainWindow& window) {
    auto& document = window.document();
    return *document.format(document.slotOf(kTensor)).fractionalBits;
}

bool openWithFormats(MainWindow& window) {
    auto& document = window.document();
    return QTest::qWaitFor(
        [&] { return document.slotOf(kTensor) >= 0 && document.format(document.slotOf(kTensor)).fractionalBits; },
        60'000);
}

/// edit LOG COUNT PAUSE [FILES…]: moves the word by a key, again and again, and writes each F into the log once it is
/// shown; then waits for its end.
int edit(const QStringList& arguments) {
    MainWindow window;
    window.show();
    window.start(arguments.mid(3));
    if (auto* dialog = window.findChild<gui::RecoveryDialog*>())
        QTest::keyClick(dialog, Qt::Key_Escape); // later
    if (!openWithFormats(window))
        return 1;
    window.selection().select(window.document().slotOf(kTensor));
    auto* ruler = window.findChild<views::BitRuler*>();
    QFile log(arguments[0]);
    if (!log.open(QIODevice::WriteOnly) ||
        !QTest::qWaitFor([&] { return window.document().result() && ruler->isVisible(); }, 60'000))
        return 1;
    for (int i = 0; i < arguments[1].toInt(); ++i) {
        // Up and down again: no end of the format's range is reached.
        QTest::keyClick(ruler, i / 20 % 2 == 0 ? Qt::Key_Right : Qt::Key_Left);
        log.write(QByteArray::number(fraction(window)) + '\n');
        log.flush();
        QTest::qWait(arguments[2].toInt());
    }
    return QApplication::exec();
}

/// answer OUT KEY [FILES…]: starts, answers the offer by the key, and writes what it saw.
int answer(const QStringList& arguments) {
    MainWindow window;
    window.show();
    window.start(arguments.mid(2));
    QJsonObject seen;
    QTest::qWait(300); // for what would be opened before the answer
    if (auto* dialog = window.findChild<gui::RecoveryDialog*>()) {
        seen["offered"] = dialog->findChild<QListWidget*>()->count();
        seen["open_before"] = window.document().isOpen();
        QPushButton* wanted = nullptr;
        for (QPushButton* button : dialog->findChildren<QPushButton*>()) {
            if (button->text().remove('&') == arguments[1])
                wanted = button;
        }
        if (!wanted || !QTest::qWaitFor([&] { return wanted->isEnabled(); }, 30'000))
            return 1;
        for (const QLabel* label : dialog->findChildren<QLabel*>()) {
            if (label->accessibleName() == "What is kept")
                seen["details"] = label->text();
        }
        while (wanted && window.findChild<gui::RecoveryDialog*>() && dialog->isVisible()) {
            wanted->setFocus();
            QTest::keyClick(wanted, Qt::Key_Space);
        }
    } else {
        seen["offered"] = 0;
    }
    auto& document = window.document();
    if (!openWithFormats(window))
        return 1;
    if (arguments[1] == "Recover" && seen["offered"].toInt() > 0 &&
        !QTest::qWaitFor([&] { return document.isModified(); }, 30'000))
        return 1;
    seen["fraction"] = fraction(window);
    seen["modified"] = document.isModified();
    seen["labels"] = document.request().labels;
    seen["said"] = window.findChild<gui::MessageStrip*>()->text();
    if (document.isModified()) {
        document.undoStack()->undo();
        seen["undone"] = fraction(window);
        seen["modified_after_undo"] = document.isModified();
    }
    QFile out(arguments[0]);
    if (!out.open(QIODevice::WriteOnly))
        return 1;
    out.write(QJsonDocument(seen).toJson());
    out.close();
    // In a moment the journal that was recovered is in this program's.
    QTest::qWait(300);
    return window.close() ? 0 : 1;
}

} // namespace

/// Edits survive the program: it is killed while its user edits, and started anew.
class TestRecovery : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void init();
    void editsComeBack_data();
    void editsComeBack();
    void severalAreOffered();
    void randomKills();

  private:
    std::unique_ptr<QProcess> start(const QStringList& arguments);
    /// Starts an editing program and waits for that many edits.
    std::unique_ptr<QProcess> editing(const QString& log, int edits, int pause, const QStringList& files = {});
    /// Answers the offer in a program of its own.
    QJsonObject answered(const QString& key, const QStringList& files = {});
    QList<int> logged(const QString& log) const;
    QStringList journals() const;

    std::unique_ptr<QTemporaryDir> m_home;
    QStringList m_files; ///< the demo's, as a user's own
};

void TestRecovery::init() {
    m_home = std::make_unique<QTemporaryDir>();
    m_files.clear();
    for (const char* name : {"digits.pt", "samples.npz", "digits.qconfig.json"}) {
        m_files << m_home->filePath(name);
        QVERIFY(QFile::copy(QString(FXP_SOURCE_DIR "/resources/demo/") + name, m_files.back()));
    }
}

std::unique_ptr<QProcess> TestRecovery::start(const QStringList& arguments) {
    auto process = std::make_unique<QProcess>();
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char* name : {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"})
        environment.insert(name, m_home->filePath(name));
    environment.insert("QT_QPA_PLATFORM", "offscreen");
    process->setProcessEnvironment(environment);
    process->setWorkingDirectory(m_home->path());
    process->setProcessChannelMode(QProcess::ForwardedErrorChannel);
    process->start(QCoreApplication::applicationFilePath(), arguments);
    return process;
}

std::unique_ptr<QProcess> TestRecovery::editing(const QString& log, int edits, int pause, const QStringList& files) {
    auto process = start(QStringList{"edit", log, QString::number(edits), QString::number(pause)} + files);
    return QTest::qWaitFor([&] { return logged(log).size() >= edits; }, 120'000) ? std::move(process) : nullptr;
}

QJsonObject TestRecovery::answered(const QString& key, const QStringList& files) {
    const QString out = m_home->filePath("out.json");
    QFile::remove(out);
    const auto process = start(QStringList{"answer", out, key} + files);
    QFile file(out);
    if (!process->waitForFinished(120'000) || process->exitCode() != 0 || !file.open(QIODevice::ReadOnly))
        return {};
    return QJsonDocument::fromJson(file.readAll()).object();
}

QList<int> TestRecovery::logged(const QString& log) const {
    QFile file(log);
    QList<int> result;
    if (file.open(QIODevice::ReadOnly)) {
        const QByteArray text = file.readAll();
        for (const QByteArray& line : text.left(text.lastIndexOf('\n') + 1).split('\n')) {
            if (!line.isEmpty())
                result << line.toInt();
        }
    }
    return result;
}

QStringList TestRecovery::journals() const {
    return QDir(m_home->filePath("XDG_DATA_HOME/fxp-workbench/fxp-workbench/unsaved"))
        .entryList({"*.journal"}, QDir::Files);
}

void TestRecovery::editsComeBack_data() {
    QTest::addColumn<bool>("ownModel");
    QTest::addColumn<bool>("secondRuns");
    QTest::addColumn<bool>("arguments");
    QTest::newRow("the demo, started without arguments") << false << false << false;
    QTest::newRow("the demo, started with a model") << false << false << true;
    QTest::newRow("a model, started without arguments") << true << false << false;
    QTest::newRow("a model, started with it") << true << false << true;
    QTest::newRow("beside a program that runs") << true << true << false;
}

void TestRecovery::editsComeBack() {
    QFETCH(bool, ownModel);
    QFETCH(bool, secondRuns);
    QFETCH(bool, arguments);
    const QString log = m_home->filePath("log"), secondLog = m_home->filePath("second");
    std::unique_ptr<QProcess> second;
    if (secondRuns)
        QVERIFY(second = editing(secondLog, 3, 0));
    // A model is named relative to a folder that the next program does not start in.
    const auto first =
        editing(log, 20, 300, ownModel ? QStringList{"digits.pt", "samples.npz", m_files[2]} : QStringList());
    QVERIFY(first);
    first->kill();
    QVERIFY(first->waitForFinished());
    const QList<int> edits = logged(log);
    QCOMPARE(edits.size(), 20);
    QCOMPARE(edits.back(), kStart + 20);
    QCOMPARE(journals().size(), secondRuns ? 2 : 1);

    const QStringList files = arguments ? m_files : QStringList();
    if (secondRuns) {
        const QJsonObject later = answered("Later", files);
        QCOMPARE(later["offered"].toInt(), 1);
        QCOMPARE(later["fraction"].toInt(), kStart);
        QCOMPARE(journals().size(), 2);
    }

    const QJsonObject seen = answered("Recover", files);
    QCOMPARE(seen["offered"].toInt(), 1);
    QCOMPARE(seen["open_before"].toBool(), false);
    QVERIFY2(seen["fraction"].toInt() == edits[19] || seen["fraction"].toInt() == edits[18],
             qPrintable(QString::number(seen["fraction"].toInt())));
    QVERIFY(seen["modified"].toBool());
    QCOMPARE(seen["undone"].toInt(), kStart); // before the first edit, in one step
    QCOMPARE(seen["modified_after_undo"].toBool(), false);
    QCOMPARE(seen["labels"].toString().endsWith("labels.npz"), !ownModel);
    QVERIFY2(seen["details"].toString().contains(ownModel ? m_files[0] : "digits.pt"),
             qPrintable(seen["details"].toString()));
    QVERIFY(seen["said"].toString().contains("edits are back"));
    QCOMPARE(seen["said"].toString().contains("digits.pt was to be opened"), arguments && !ownModel);
    QCOMPARE(journals().size(), secondRuns ? 1 : 0);
    if (second) {
        second->kill();
        second->waitForFinished();
    }
}

void TestRecovery::severalAreOffered() {
    for (int program = 0; program < 3; ++program) {
        const auto process = editing(m_home->filePath(QString("log%1").arg(program)), 2 + program, 200);
        QVERIFY(process);
        process->kill();
        process->waitForFinished();
    }
    const QJsonObject seen = answered("Recover");
    QCOMPARE(seen["offered"].toInt(), 3);
    const QList<int> newest = logged(m_home->filePath("log2"));
    QVERIFY(newest.mid(2).contains(seen["fraction"].toInt()));
    QCOMPARE(journals().size(), 2);
    QCOMPARE(answered("Discard")["offered"].toInt(), 2); // one after the other
    QCOMPARE(journals().size(), 0);
    QCOMPARE(answered("Later")["offered"].toInt(), 0);
}

/// FXP_KILLS says how many; tests/crash.sh asks for 200.
void TestRecovery::randomKills() {
    const int kills =
        std::max(1, qEnvironmentVariableIntValue("FXP_KILLS") > 0 ? qEnvironmentVariableIntValue("FXP_KILLS") : 5);
    const quint32 seed = QRandomGenerator::global()->generate();
    QRandomGenerator random(seed);
    const QString log = m_home->filePath("log");
    for (int kill = 0; kill < kills; ++kill) {
        QFile::remove(log);
        const int pause = random.bounded(1, kill % 2 == 0 ? 120 : 4); // keys as fast as they can come, too
        const auto process = start({"edit", log, "100000", QString::number(pause)});
        QVERIFY(QTest::qWaitFor([&] { return logged(log).size() >= 2; }, 120'000));
        QTest::qWait(random.bounded(800));
        process->kill();
        QVERIFY(process->waitForFinished());
        const QList<int> edits = logged(log);
        const int found = answered("Recover")["fraction"].toInt(-1000);
        // The steps of one gathered line, at most one key press old; the press that was not logged yet may be there.
        const int lost = std::abs(edits.back() - found);
        QVERIFY2(lost <= 1, qPrintable(QString("kill %1 of seed %2: F %3 of %4 edits, the last with F %5")
                                           .arg(kill)
                                           .arg(seed)
                                           .arg(found)
                                           .arg(edits.size())
                                           .arg(edits.back())));
    }
    qInfo("%d kills, no more than one edit lost (seed %u)", kills, seed);
}

int main(int argc, char** argv) {
    QApplication app(argc, argv);
    QApplication::setOrganizationName("fxp-workbench");
    QApplication::setApplicationName("fxp-workbench");
    const QStringList arguments = QApplication::arguments();
    if (arguments.value(1) == "edit")
        return edit(arguments.mid(2));
    if (arguments.value(1) == "answer")
        return answer(arguments.mid(2));
    TestRecovery test;
    return QTest::qExec(&test, arguments);
}

#include "tst_recovery.moc"
