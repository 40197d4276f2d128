#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <cerrno>
#include <cmath>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// `fxp run --memory` bounds what the program takes, whatever the number of samples. Links no LibTorch: the peak that
/// the kernel reports of a child begins with its parent's.
class TestMemory : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void peak_data();
    void peak();
    void sameReportWithAnySetting();

  private:
    struct Ended {
        int status = -1;
        double peak = 0; ///< bytes
    };
    static Ended run(const QStringList& arguments);
    QString samples(int count);

    QTemporaryDir m_folder;
    double m_floor = 0; ///< bytes that the program takes before it does anything: LibTorch and the libraries it needs
};

namespace {

constexpr double kMega = 1 << 20;
/// What a run needs beside samples and weights: code that runs for the first time, operators, buffers of kernels.
constexpr double kProgram = 50 * kMega;

QString model(const QString& name) {
    return QStringLiteral(FXP_TEST_DATA "/models/") + name;
}

} // namespace

TestMemory::Ended TestMemory::run(const QStringList& arguments) {
    std::vector<QByteArray> words{FXP_PROGRAM};
    for (const QString& argument : arguments)
        words.push_back(argument.toUtf8());
    std::vector<char*> pointers;
    for (QByteArray& word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execv(pointers[0], pointers.data());
        _exit(127);
    }
    Ended ended;
    rusage usage{};
    int status = 0;
    while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ended.peak = static_cast<double>(usage.ru_maxrss) * 1024;
    return ended;
}

/// A .npy file of images of 8 × 8 whose values differ from sample to sample.
QString TestMemory::samples(int count) {
    const QString path = m_folder.filePath(QStringLiteral("%1.npy").arg(count));
    if (QFile::exists(path))
        return path;
    QByteArray header =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + QByteArray::number(count) + ", 1, 8, 8), }";
    header.append(QByteArray((64 - (10 + header.size() + 1) % 64) % 64, ' ')).append('\n');
    QByteArray bytes("\x93NUMPY\x01\x00", 8);
    bytes.append(static_cast<char>(header.size() & 0xFF)).append(static_cast<char>(header.size() >> 8)).append(header);
    std::vector<float> values(static_cast<std::size_t>(count) * 64);
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i) + 1e-4 * static_cast<double>(i % 977)));
    bytes.append(reinterpret_cast<const char*>(values.data()), static_cast<qsizetype>(values.size() * sizeof(float)));
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() ? path : QString();
}

void TestMemory::initTestCase() {
    QVERIFY(m_folder.isValid());
    const Ended idle = run({QStringLiteral("--version")});
    QCOMPARE(idle.status, 0);
    m_floor = idle.peak;
    QVERIFY(m_floor > 0);
}

void TestMemory::peak_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<int>("count");
    QTest::addColumn<QString>("setting");
    for (const char* setting : {"0.01", "0.0625", "1", "64"})
        QTest::addRow("cnn, 32 samples, %s GiB", setting) << "digits_cnn/traced.pt" << 32 << setting;
    for (const char* setting : {"0.01", "0.0625", "0.25"})
        QTest::addRow("cnn, 4096 samples, %s GiB", setting) << "digits_cnn/traced.pt" << 4096 << setting;
    QTest::newRow("cnn, 32768 samples") << "digits_cnn/traced.pt" << 32768 << "0.0625";
    QTest::newRow("transformer, 2048 samples") << "digits_transformer/traced.pt" << 2048 << "0.03125";
    QTest::newRow("lstm, 1024 samples") << "digits_lstm/scripted.pt" << 1024 << "0.03125";
}

void TestMemory::peak() {
    QFETCH(QString, file);
    QFETCH(int, count);
    QFETCH(QString, setting);
    const QString formats = m_folder.filePath(file.section('/', 0, 0) + ".json");
    if (!QFile::exists(formats))
        QCOMPARE(run({"calibrate", model(file), "--inputs", samples(32), "-o", formats}).status, 0);
    const Ended ended =
        run({"run", model(file), "--inputs", samples(count), "--qconfig", formats, "--memory", setting});
    QCOMPARE(ended.status, 0);
    const double weights = static_cast<double>(QFile(model(file)).size());
    const double given = static_cast<double>(QFile(samples(count)).size());
    const double bound = 3 * weights + 1.1 * 1024 * kMega * setting.toDouble() + m_floor + kProgram + 4 * given;
    QVERIFY2(ended.peak <= bound,
             qPrintable(QStringLiteral("%1 MiB, and %2 are allowed").arg(ended.peak / kMega).arg(bound / kMega)));
}

void TestMemory::sameReportWithAnySetting() {
    const QString formats = m_folder.filePath("same.json");
    QCOMPARE(run({"calibrate", model("digits_cnn/traced.pt"), "--inputs", samples(32), "-o", formats}).status, 0);
    QByteArray first;
    for (const char* setting : {"4", "0.01", "0.002"}) {
        const QString report = m_folder.filePath("report.json");
        QCOMPARE(run({"run", model("digits_cnn/traced.pt"), "--inputs", samples(1000), "--qconfig", formats, "--memory",
                      setting, "--report", report})
                     .status,
                 0);
        QFile file(report);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QByteArray bytes = file.readAll();
        QVERIFY(bytes.size() > 10'000);
        if (first.isEmpty())
            first = bytes;
        QVERIFY2(bytes == first, setting);
    }
}

QTEST_GUILESS_MAIN(TestMemory)
#include "tst_memory.moc"
