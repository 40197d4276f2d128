#include "quant/core/error.h"
#include "quant/import/checked_network.h"
#include "quant/import/file_check.h"
#include "quant/io/npz.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <cerrno>
#include <csignal>

using namespace fxp;
using namespace fxp::quant;

/// Model files are loaded by another process first: a crash there is an error here.
class TestFileCheck : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void damagedFiles_data();
    void damagedFiles();
    void codeThatRunsWhileLoading_data();
    void codeThatRunsWhileLoading();
    void crashesOfOperators_data();
    void crashesOfOperators();
    void argumentsArePassed();
    void ends_data();
    void ends();
    void timeIsExtended_data();
    void timeIsExtended();
    void stopEndsTheProcess();
    void goodFilesAreCheckedOnce();

  private:
    static CheckProgram shell(const QString& script, int seconds = 300) {
        return {{"/bin/sh", "-c", script.toStdString(), "check"}, seconds};
    }
    static CheckProgram ownProgram() { return {{FXP_PROGRAM, kFileCheckArgument}, 300}; }
    QString file(const QByteArray& bytes = "any") {
        const QString path = m_folder.filePath("model.pt");
        QFile out(path);
        return out.open(QIODevice::WriteOnly) && out.write(bytes) == bytes.size() ? path : QString();
    }
    static QString refusal(const CheckProgram& program, const QString& path) {
        try {
            checkInChild(program)(path.toStdString(), {});
            return {};
        } catch (const Error& error) {
            return error.what();
        }
    }

    QTemporaryDir m_folder;
};

namespace {

quint64 next(quint64& state) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/// The bytes with up to four of them changed, or cut off.
QByteArray mutant(QByteArray bytes, quint64 seed) {
    quint64 state = seed * 0x9E3779B97F4A7C15U + 1;
    next(state);
    next(state);
    if (next(state) % 8 == 0)
        return bytes.left(static_cast<qsizetype>(next(state) % static_cast<quint64>(bytes.size())));
    for (quint64 i = 0, count = 1 + next(state) % 4; i < count; ++i) {
        const auto at = static_cast<qsizetype>(next(state) % static_cast<quint64>(bytes.size()));
        bytes[at] = static_cast<char>(next(state));
    }
    return bytes;
}

} // namespace

void TestFileCheck::damagedFiles_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<int>("seed");
    // With LibTorch 1.13 these end in signal 11.
    QTest::newRow("a crash of the loader, list") << "idioms/cache_in_a_list.scripted.pt" << 457;
    QTest::newRow("a crash of the loader, recurrent") << "exports/recurrent.traced.pt" << 280;
    for (int seed = 1; seed <= 6; ++seed)
        QTest::addRow("mutant %d", seed) << "exports/recurrent.traced.pt" << seed;
}

void TestFileCheck::damagedFiles() {
    QFETCH(QString, model);
    QFETCH(int, seed);
    // As LibTorch writes it: nothing in it is compressed, so that each byte is one of the loader's.
    const std::string whole = m_folder.filePath("whole.pt").toStdString();
    torch::jit::load(FXP_TEST_DATA "/" + model.toStdString()).save(whole);
    QFile in(QString::fromStdString(whole));
    QVERIFY(in.open(QIODevice::ReadOnly));
    QProcess program;
    program.start(FXP_PROGRAM, {"info", file(mutant(in.readAll(), static_cast<quint64>(seed)))});
    QVERIFY(program.waitForFinished(120'000));
    QCOMPARE(program.exitStatus(), QProcess::NormalExit);
    const QByteArray errors = program.readAllStandardError();
    QCOMPARE(errors.count('\n'), program.exitCode()); // 0, or 1 and one line
    QVERIFY(program.exitCode() == 0 || errors.startsWith("fxp: " + m_folder.filePath("model.pt").toUtf8() + ": "));
}

void TestFileCheck::codeThatRunsWhileLoading_data() {
    QTest::addColumn<QString>("line");
    QTest::newRow("writes a file") << "torch.save(torch.ones([2]), 'VICTIM')";
    QTest::newRow("maps a file") << "self.kept = bool(torch.from_file('VICTIM', True, 2).fill_(7).sum() > 0)";
}

void TestFileCheck::codeThatRunsWhileLoading() {
    QFETCH(QString, line);
    const QString victim = m_folder.filePath("victim"), path = m_folder.filePath("setstate.pt");
    QFile out(victim);
    QVERIFY(out.open(QIODevice::WriteOnly) && out.write("12345678") == 8);
    out.close();
    torch::jit::Module module("Net");
    module.register_attribute("kept", c10::BoolType::get(), true);
    module.define("def forward(self, x):\n    return x\n"
                  "def __getstate__(self):\n    return (1, self.kept)\n"
                  "def __setstate__(self, state: Tuple[int, bool]):\n    self.kept = state[1]\n    " +
                  line.replace("VICTIM", victim).toStdString() + "\n");
    module.save(path.toStdString());
    QVERIFY(out.open(QIODevice::ReadOnly));
    QCOMPARE(out.readAll(), QByteArray("12345678"));
    out.close();
    QProcess program;
    program.start(FXP_PROGRAM, {"info", path});
    QVERIFY(program.waitForFinished(120'000));
    QCOMPARE(program.exitCode(), 1);
    QVERIFY(out.open(QIODevice::ReadOnly));
    QCOMPARE(out.readAll(), QByteArray("12345678"));
    QVERIFY(refusal(ownProgram(), path).startsWith(path));
}

void TestFileCheck::crashesOfOperators_data() {
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("says");
    // x86's division has no quotient for it: signal 8.
    QTest::newRow("a quotient that does not exist")
        << "y = torch.bitwise_left_shift(torch.ones([16], dtype=4), 63)\n"
           "    x = x + torch.floor_divide(y, torch.zeros_like(y) - 1).sum()"
        << "an operator of this model crashed (signal 8)";
    QTest::newRow("none") << "x = x + 1"
                          << "";
    QTest::newRow("an ordinary error") << "x = x + torch.ones([3])"
                                       << "size";
}

/// What crashes while the model is recorded crashes in the other process, and is an error here.
void TestFileCheck::crashesOfOperators() {
    QFETCH(QString, line);
    QFETCH(QString, says);
    const QString path = m_folder.filePath("crash.pt"), inputs = m_folder.filePath("inputs.npz");
    torch::jit::Module module("Net");
    module.define("def forward(self, x):\n    " + line.toStdString() + "\n    return x\n");
    module.save(path.toStdString());
    writeNpz(inputs.toStdString(), {{{"x", Array::ofFloats({2, 2}, {1, 2, 3, 4})}}});
    QProcess program;
    program.start(FXP_PROGRAM, {"run", path, "--inputs", inputs});
    QVERIFY(program.waitForFinished(120'000));
    QCOMPARE(program.exitStatus(), QProcess::NormalExit);
    const QByteArray errors = program.readAllStandardError();
    QCOMPARE(program.exitCode(), says.isEmpty() ? 0 : 1);
    QCOMPARE(errors.count('\n'), program.exitCode());
    QVERIFY2(errors.contains(says.toUtf8()), errors);
}

void TestFileCheck::argumentsArePassed() {
    const at::Tensor rows = at::arange(12, at::kFloat).view({3, 4});
    const std::vector<std::optional<at::IValue>> given{at::IValue(rows.slice(1, 1, 3)), std::nullopt, at::IValue(7),
                                                       at::IValue(2.5), at::IValue(true)};
    const std::string bytes = packCall({"score", given});
    const auto [method, got] = unpackCall(bytes);
    QCOMPARE(method, "score");
    QCOMPARE(got.size(), given.size());
    QVERIFY(at::equal(got[0]->toTensor(), rows.slice(1, 1, 3)));
    QVERIFY(!got[1] && got[2]->toInt() == 7 && got[3]->toDouble() == 2.5 && got[4]->toBool());
    // The other process has them as its standard input, and another value is another run.
    const QString told = m_folder.filePath("told");
    const FileCheck check = checkInChild(shell("wc -c >> " + told + "; printf ok"));
    const std::string path = file().toStdString();
    for (const std::string& arguments : {std::string(), bytes, bytes, std::string("other")})
        check(path, {}, arguments);
    QFile in(told);
    QVERIFY(in.open(QIODevice::ReadOnly));
    QCOMPARE(in.readAll().simplified(), "0 " + QByteArray::number(static_cast<qint64>(bytes.size())) + " 5");
}

void TestFileCheck::ends_data() {
    QTest::addColumn<QString>("script");
    QTest::addColumn<int>("seconds");
    QTest::addColumn<QString>("says");
    QTest::newRow("well") << "printf ok" << 300 << "";
    QTest::newRow("by a signal") << "kill -11 $$" << 300 << "LibTorch's loader crashed on this file (signal 11)";
    QTest::newRow("by a signal, after its answer") << "printf ok; kill -6 $$" << 300 << "(signal 6)";
    QTest::newRow("never") << "while :; do :; done" << 1 << "more than 1 s";
    QTest::newRow("never, and silent") << "exec sleep 1000" << 1 << "more than 1 s";
    QTest::newRow("without an answer") << "exit 0" << 300 << "without an answer";
    QTest::newRow("with half an answer") << "printf 'where\\0problem'; exit 1" << 300 << "without an answer";
    QTest::newRow("with a refusal") << "printf 'where\\0problem\\0hint\\0'; exit 1" << 300 << "where: problem; hint";
    QTest::newRow("with an answer that has no end") << "yes" << 300 << "without an answer";
    QTest::newRow("never, after its answer") << "printf ok; exec >&-; exec sleep 1000" << 1 << "more than 1 s";
}

void TestFileCheck::ends() {
    QFETCH(QString, script);
    QFETCH(int, seconds);
    QFETCH(QString, says);
    const QString refused = refusal(shell(script, seconds), file());
    QVERIFY2(says.isEmpty() ? refused.isEmpty() : refused.contains(says), qPrintable(refused));
}

void TestFileCheck::timeIsExtended_data() {
    QTest::addColumn<QList<Patience>>("answers"); // the last one again and again
    QTest::addColumn<QString>("script");
    QTest::addColumn<QString>("says");
    QTest::addColumn<QList<bool>>("ended"); // what was asked at first and at last
    const QString late = "sleep 1.5; printf ok";
    QTest::newRow("once") << QList{Patience::More} << late << "" << QList{false, false};
    QTest::newRow("after a while") << QList{Patience::Undecided, Patience::Undecided, Patience::More} << late << ""
                                   << QList{false, false};
    QTest::newRow("not") << QList{Patience::Undecided, Patience::Over} << "exec sleep 1000"
                         << "more than 1 s" << QList{false, false};
    QTest::newRow("no answer, and it ends") << QList{Patience::Undecided} << late << "" << QList{false, true};
}

void TestFileCheck::timeIsExtended() {
    QFETCH(QList<Patience>, answers);
    QFETCH(QString, script);
    QFETCH(QString, says);
    QFETCH(QList<bool>, ended);
    QList<bool> asked;
    CheckProgram program = shell(script, 1);
    program.whenLate = [&](const std::string&, bool hasEnded) {
        asked.append(hasEnded);
        return answers.size() > 1 ? answers.takeFirst() : answers.first();
    };
    const QString refused = refusal(program, file());
    QVERIFY2(says.isEmpty() ? refused.isEmpty() : refused.contains(says), qPrintable(refused));
    QVERIFY(!asked.isEmpty());
    QCOMPARE(asked.first(), ended[0]);
    QCOMPARE(asked.last(), ended[1]);
}

void TestFileCheck::stopEndsTheProcess() {
    const QString told = m_folder.filePath("pid");
    const std::string path = file().toStdString();
    QByteArray pid;
    const auto stop = [&] {
        QFile in(told);
        if (in.open(QIODevice::ReadOnly))
            pid = in.readAll();
        return pid.endsWith('\n');
    };
    QVERIFY_THROWS_EXCEPTION(Stopped, checkInChild(shell("echo $$ > " + told + "; exec sleep 1000"))(path, stop));
    QCOMPARE(::kill(pid.trimmed().toInt(), 0), -1);
    QCOMPARE(errno, ESRCH);
}

void TestFileCheck::goodFilesAreCheckedOnce() {
    const QString told = m_folder.filePath("runs");
    const auto runs = [&] {
        QFile in(told);
        return in.open(QIODevice::ReadOnly) ? in.readAll().count('x') : 0;
    };
    const FileCheck check = checkInChild(shell("printf x >> " + told + "; printf ok"));
    check(file("one").toStdString(), {});
    check(file("one, and more").toStdString(), {});
    QCOMPARE(runs(), 2);
    check(m_folder.filePath("model.pt").toStdString(), {});
    QCOMPARE(runs(), 2);
    // What was refused is looked at again.
    const FileCheck refuses = checkInChild(shell("printf x >> " + told + "; exit 1"));
    for (int i = 0; i < 2; ++i)
        QVERIFY_THROWS_EXCEPTION(Error, refuses(file().toStdString(), {}));
    QCOMPARE(runs(), 4);
}

QTEST_GUILESS_MAIN(TestFileCheck)
#include "tst_file_check.moc"
