#include "quant/core/error.h"
#include "quant/io/atomic_file.h"
#include "quant/io/npz.h"
#include "quant/io/safetensors.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

using namespace fxp;
using namespace fxp::quant;

/// Writing a file: the new one or the old one, never a part, and nothing beside it.
class TestAtomicFile : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void writesAndReplaces();
    void piecesFollowOneAnother();
    void keepsTheMode();
    void aNewFileHasTheUsersMode();
    void followsALink();
    void writesIntoNobodysFile();
    void refuses_data();
    void refuses();
    void aFullDiskLeavesTheOldFile();
    void removesWhatAKilledWriteLeft();

  private:
    static QByteArray contents(const QString& file) {
        QFile in(file);
        return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray("unreadable");
    }
    static QStringList entries(const QString& folder) {
        return QDir(folder).entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot,
                                      QDir::Name);
    }
    static mode_t modeOf(const QString& file) {
        struct stat status {};
        ::stat(file.toUtf8().constData(), &status);
        return status.st_mode & 07777;
    }
    static void write(const QString& file, std::string_view bytes) { writeFileAtomically(file.toStdString(), bytes); }
};

void TestAtomicFile::writesAndReplaces() {
    QTemporaryDir folder;
    const QString file = folder.filePath("a.json");
    write(file, "one");
    QCOMPARE(contents(file), QByteArray("one"));
    write(file, "");
    QCOMPARE(contents(file), QByteArray());
    const std::string large(3'000'000, 'x');
    write(file, large);
    QCOMPARE(contents(file), QByteArray::fromStdString(large));
    QCOMPARE(entries(folder.path()), QStringList{"a.json"});
    // A name as long as the file system takes leaves no room for a longer one beside it.
    const QString longest = folder.filePath(QString(255, 'n'));
    write(longest, "long");
    QCOMPARE(contents(longest), QByteArray("long"));
}

void TestAtomicFile::piecesFollowOneAnother() {
    QTemporaryDir folder;
    const std::array<std::string_view, 4> pieces{"ab", "", std::string_view("\0c", 2), "d"};
    writeFileAtomically(folder.filePath("a").toStdString(), pieces);
    QCOMPARE(contents(folder.filePath("a")), QByteArray("ab\0cd", 5));
}

void TestAtomicFile::keepsTheMode() {
    QTemporaryDir folder;
    const QString file = folder.filePath("a");
    for (const mode_t mode : {0600, 0640, 0755, 0444}) {
        write(file, "x");
        QCOMPARE(::chmod(file.toUtf8().constData(), mode), 0);
        write(file, "y");
        QCOMPARE(modeOf(file), mode);
        QCOMPARE(::chmod(file.toUtf8().constData(), 0600), 0);
    }
}

void TestAtomicFile::aNewFileHasTheUsersMode() {
    QTemporaryDir folder;
    const mode_t before = ::umask(027);
    write(folder.filePath("a"), "x");
    ::umask(before);
    QCOMPARE(modeOf(folder.filePath("a")), mode_t{0640});
}

void TestAtomicFile::followsALink() {
    QTemporaryDir folder;
    QVERIFY(QDir(folder.path()).mkdir("sub"));
    const QString target = folder.filePath("sub/target"), link = folder.filePath("link");
    write(target, "old");
    QCOMPARE(::symlink("sub/target", link.toUtf8().constData()), 0);
    write(link, "new");
    QCOMPARE(contents(target), QByteArray("new"));
    QVERIFY(QFileInfo(link).isSymLink());
    QCOMPARE(entries(folder.filePath("sub")), QStringList{"target"});
}

void TestAtomicFile::writesIntoNobodysFile() {
    // The name that a program of before would have taken for its temporary file, as a trap.
    QTemporaryDir folder;
    const QString victim = folder.filePath("victim");
    write(victim, "precious");
    QCOMPARE(::symlink("victim", folder.filePath("a.npz.part").toUtf8().constData()), 0);
    QCOMPARE(::symlink("victim", folder.filePath("a.safetensors.part").toUtf8().constData()), 0);
    NamedArrays arrays;
    arrays.items.emplace_back("x", Array::ofFloats({2}, {1, 2}));
    writeNpz(folder.filePath("a.npz").toStdString(), arrays);
    writeSafetensors(folder.filePath("a.safetensors").toStdString(), arrays);
    QCOMPARE(contents(victim), QByteArray("precious"));
    QVERIFY(QFileInfo(folder.filePath("a.npz.part")).isSymLink());
    QCOMPARE(readNpz(folder.filePath("a.npz").toStdString()).find("x")->floats()[1], 2.0f);
    QCOMPARE(readSafetensors(folder.filePath("a.safetensors").toStdString()).find("x")->floats()[1], 2.0f);
}

void TestAtomicFile::refuses_data() {
    QTest::addColumn<QString>("path");
    QTest::newRow("no such folder") << "no/such/folder/a";
    QTest::newRow("a folder") << "folder";
    QTest::newRow("a folder with a slash") << "folder/";
    QTest::newRow("a device") << "/dev/full";
    QTest::newRow("a pipe") << "pipe";
    QTest::newRow("a name too long") << QString(300, 'n');
    QTest::newRow("no name") << "";
}

void TestAtomicFile::refuses() {
    QFETCH(QString, path);
    QTemporaryDir folder;
    QVERIFY(QDir(folder.path()).mkdir("folder"));
    QCOMPARE(::mkfifo(folder.filePath("pipe").toUtf8().constData(), 0600), 0);
    const QString file = path.isEmpty() || path.startsWith('/') ? path : folder.filePath(path);
    const QStringList before = entries(folder.path());
    try {
        write(file, "x");
        QFAIL("written");
    } catch (const Error& error) {
        QCOMPARE(error.where, file.toStdString());
        QVERIFY(!error.problem.empty() && !error.hint.empty());
    }
    QCOMPARE(entries(folder.path()), before);
    QVERIFY(entries(folder.filePath("folder")).isEmpty());
}

void TestAtomicFile::aFullDiskLeavesTheOldFile() {
    QTemporaryDir folder;
    const QString file = folder.filePath("a");
    write(file, "old");
    // A limit on the size of files fails a write half way, as a full disk does.
    rlimit before{};
    QCOMPARE(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{100'000, before.rlim_max};
    QCOMPARE(::setrlimit(RLIMIT_FSIZE, &small), 0);
    bool failed = false;
    try {
        write(file, std::string(200'000, 'x'));
    } catch (const Error&) {
        failed = true;
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    QVERIFY(failed);
    QCOMPARE(contents(file), QByteArray("old"));
    QCOMPARE(entries(folder.path()), QStringList{"a"});
}

void TestAtomicFile::removesWhatAKilledWriteLeft() {
    QTemporaryDir folder;
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(0);
    QVERIFY(::waitpid(child, nullptr, 0) == child); // nobody has this number now
    const auto part = [&](const QString& name) { return folder.filePath(".fxp-" + name + ".part"); };
    const QString dead = QString::number(child) + "-0", alive = QString::number(::getppid()) + "-0";
    for (const QString& name : {dead, alive, QString("notes"), QString("1-x")}) {
        QFile file(part(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
    }
    write(folder.filePath("victim"), "precious");
    const QString link = part(QString::number(child) + "-1");
    QCOMPARE(::symlink("victim", link.toUtf8().constData()), 0);
    write(folder.filePath("a"), "x");
    QVERIFY(!QFile::exists(part(dead)));
    QVERIFY(QFile::exists(part(alive)) && QFile::exists(part("notes")) && QFile::exists(part("1-x")));
    QCOMPARE(contents(folder.filePath("victim")), QByteArray("precious"));
}

QTEST_GUILESS_MAIN(TestAtomicFile)
#include "tst_atomic_file.moc"
