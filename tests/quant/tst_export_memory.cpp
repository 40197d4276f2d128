#include "quant/core/error.h"
#include "quant/export/c_header.h"
#include "quant/export/memory_export.h"
#include "quant/export/memory_text.h"
#include "support/exported.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <map>
#include <random>

using namespace fxp;
using namespace fxp::quant;
using test::integersOf, test::open, test::read, test::runs, test::someFormats, test::write;
using test::Json;

/// Memory images and golden vectors, read back by others than the code that wrote them.
class TestExportMemory : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void hex_data();
    void hex();
    void wordsOfValues_data();
    void wordsOfValues();
    void damaged_data();
    void damaged();
    void simulators_data();
    void simulators();
    void cCompiles();
    void refuses();
    void everyKind();

  private:
    static QType type(int total, int fraction, Rounding rounding = {}, Overflow overflow = {}) {
        return {total, fraction, rounding, overflow};
    }
    /// Words of T bits: both limits, what is around 0, and random ones.
    static MemoryWords someWords(const QType& format) {
        const WordRange range = wordRange(format);
        MemoryWords words{range.low, range.high, 0, -1, 1, range.low + 1};
        std::mt19937_64 random(static_cast<std::uint64_t>(*format.totalBits));
        std::uniform_int_distribution<std::int64_t> any(range.low, range.high);
        for (int i = 0; i < 31; ++i)
            words.push_back(any(random));
        return words;
    }
};

void TestExportMemory::hex_data() {
    QTest::addColumn<int>("total");
    QTest::addColumn<qlonglong>("word");
    QTest::addColumn<QString>("digits");
    QTest::newRow("2 bits") << 2 << -1ll << "3";
    QTest::newRow("least of 5 bits") << 5 << -16ll << "10";
    QTest::newRow("-1 of 5 bits is masked") << 5 << -1ll << "1f";
    QTest::newRow("8 bits") << 8 << -2ll << "fe";
    QTest::newRow("9 bits, positive") << 9 << 255ll << "0ff";
    QTest::newRow("least of 33 bits") << 33 << -4294967296ll << "100000000";
    QTest::newRow("63 bits") << 63 << -1ll << "7fffffffffffffff";
    QTest::newRow("least of 64 bits") << 64 << std::numeric_limits<qlonglong>::min() << "8000000000000000";
}

void TestExportMemory::hex() {
    QFETCH(int, total);
    QFETCH(qlonglong, word);
    QFETCH(QString, digits);
    QCOMPARE(QString::fromStdString(hexOf(word, type(total, 0))), digits);
    QCOMPARE(wordFromHex(digits.toStdString(), type(total, 0)), std::optional<std::int64_t>(word));
    for (const QString& other : {"0x" + digits, digits + "0", digits.mid(1), digits.chopped(1) + "g"})
        QVERIFY(!wordFromHex(other.toStdString(), type(total, 0)));
}

void TestExportMemory::wordsOfValues_data() {
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<double>("value");
    QTest::addColumn<qlonglong>("word"); // 0 for a value that is none: only 0.0 has that word
    QTest::newRow("8 bits") << 8 << 4 << false << -1.5 << -24ll;
    QTest::newRow("negative F") << 8 << -3 << false << 64.0 << 8ll;
    QTest::newRow("limit of 32 bits, which float32 rounds") << 32 << 31 << false << 1.0 << 2147483647ll;
    QTest::newRow("its other side") << 32 << 31 << false << -1.0 << -2147483648ll;
    QTest::newRow("its other side, symmetric") << 32 << 31 << true << -1.0 << -2147483647ll;
    QTest::newRow("limit of 64 bits") << 64 << 0 << false << 0x1p63 << std::numeric_limits<qlonglong>::max();
    QTest::newRow("between two words") << 8 << 4 << false << 0.03 << 0ll;
    QTest::newRow("beyond") << 8 << 4 << false << 8.0 << 0ll;
    QTest::newRow("NaN") << 8 << 4 << false << std::nan("") << 0ll;
    QTest::newRow("infinity") << 8 << 4 << false << double(INFINITY) << 0ll;
}

void TestExportMemory::wordsOfValues() {
    QFETCH(int, total);
    QFETCH(int, fraction);
    QFETCH(bool, symmetric);
    QFETCH(double, value);
    QFETCH(qlonglong, word);
    const QType format = type(total, fraction, {}, symmetric ? Overflow::SaturateSymmetric : Overflow::Saturate);
    const Array array = Array::ofFloats({2}, {0.0f, static_cast<float>(value)});
    if (word == 0)
        QVERIFY_EXCEPTION_THROWN(wordsOf(array, format, "a"), Error);
    else
        QCOMPARE(wordsOf(array, format, "a").at(1), word);
}

void TestExportMemory::damaged_data() {
    QTest::addColumn<int>("kind");
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    const auto row = [](const char* name, MemoryKind kind, const char* from, const char* to) {
        QTest::newRow(name) << int(kind) << from << to;
    };
    row("mem without its last end of line", MemoryKind::Mem, "001\n1ff\n", "001\n1ff");
    row("mem with 0x", MemoryKind::Mem, "001\n", "0x001\n");
    row("mem with a bit beyond T", MemoryKind::Mem, "001\n", "201\n");
    row("mif of another width", MemoryKind::Mif, "WIDTH=9", "WIDTH=8");
    row("mif of another depth", MemoryKind::Mif, "DEPTH=2", "DEPTH=3");
    row("mif out of order", MemoryKind::Mif, "1 : ", "2 : ");
    row("mif without an end", MemoryKind::Mif, "END;\n", "");
    row("coe in decimal", MemoryKind::Coe, "radix=16", "radix=10");
    row("coe cut off", MemoryKind::Coe, "1ff;\n", "");
    row("npy of another shape", MemoryKind::Npy, "(2,)", "(1,)");
}

void TestExportMemory::damaged() {
    QFETCH(int, kind);
    QFETCH(QString, from);
    QFETCH(QString, to);
    const QType format = type(9, 4);
    const MemoryWords words{1, -1};
    const std::string good = memoryFile(MemoryKind(kind), words, format, {2});
    QCOMPARE(readMemoryFile(MemoryKind(kind), good, format, {2}, "a"), words);
    const std::size_t at = good.find(from.toStdString());
    QVERIFY(at != std::string::npos);
    std::string bad = good;
    bad.replace(at, std::size_t(from.size()), to.toStdString());
    QVERIFY_EXCEPTION_THROWN(readMemoryFile(MemoryKind(kind), bad, format, {2}, "a"), Error);
}

void TestExportMemory::simulators_data() {
    QTest::addColumn<bool>("verilator");
    QTest::newRow("iverilog") << false;
    QTest::newRow("verilator") << true;
}

/// Simulators load the images and print the integers that were written, words of every width and the last one too.
void TestExportMemory::simulators() {
    QFETCH(bool, verilator);
    if (QStandardPaths::findExecutable(verilator ? "verilator" : "iverilog").isEmpty())
        QSKIP("needs the simulator");
    QTemporaryDir folder;
    std::string declared, loaded, expected;
    for (const int total : {2, 3, 4, 5, 8, 9, 16, 31, 32, 33, 63, 64}) {
        const QType format = type(total, 3);
        const MemoryWords words = someWords(format);
        const std::string id = "t" + std::to_string(total), count = std::to_string(words.size());
        write(folder.filePath(QString::fromStdString(id + ".mem")), memoryFile(MemoryKind::Mem, words, format, {}));
        declared += "  reg signed [" + std::to_string(total - 1) + ":0] " + id + " [0:" + count + "-1];\n";
        loaded += "    $readmemh(\"" + id + ".mem\", " + id + ");\n    for (i = 0; i < " + count +
                  "; i = i + 1) $display(\"%0d\", " + id + "[i]);\n";
        for (const std::int64_t word : words)
            expected += std::to_string(word) + "\n";
    }
    write(folder.filePath("tb.v"),
          "module tb;\n  integer i;\n" + declared + "  initial begin\n" + loaded + "    $finish;\n  end\nendmodule\n");
    QByteArray out;
    if (verilator) {
        QVERIFY(
            runs("verilator", {"--binary", "-Wno-fatal", "-CFLAGS", "-O0", "-o", "tb", "tb.v"}, out, folder.path()));
        QVERIFY(runs(folder.filePath("obj_dir/tb"), {}, out, folder.path()));
    } else {
        QVERIFY(runs("iverilog", {"-Wall", "-o", "tb", "tb.v"}, out, folder.path()));
        QVERIFY(runs("vvp", {"tb"}, out, folder.path()));
    }
    QString printed;
    for (const QByteArray& line : out.split('\n')) {
        if (QRegularExpression("^-?[0-9]+$").match(line).hasMatch())
            printed += line + "\n";
    }
    QCOMPARE(printed, QString::fromStdString(expected));
}

void TestExportMemory::cCompiles() {
    if (QStandardPaths::findExecutable("cc").isEmpty())
        QSKIP("needs a C compiler");
    QTemporaryDir folder;
    std::vector<HeaderTensor> tensors;
    std::string body, expected;
    for (const int total : {2, 8, 9, 16, 17, 32, 33, 64}) {
        const std::string id = "t" + std::to_string(total);
        const MemoryWords words = someWords(type(total, 1));
        tensors.push_back(
            {"a */ # \\ ?\?/ " + id, id, type(total, 1), {static_cast<std::int64_t>(words.size())}, words});
        body += "    for (int i = 0; i < " + id + "_count; ++i) printf(\"%lld\\n\", (long long)" + id + "[i]);\n";
        for (const std::int64_t word : words)
            expected += std::to_string(word) + "\n";
    }
    const std::string header = cHeader(tensors, "FXP_WEIGHTS_H");
    for (const HeaderTensor& tensor : tensors)
        QCOMPARE(readCArray(header, tensor.identifier, "weights.h"), tensor.words);
    std::string cut = header;
    cut.erase(cut.find("\n    ") + 5, 3);
    QVERIFY_EXCEPTION_THROWN(readCArray(cut, "t2", "weights.h"), Error);
    write(folder.filePath("weights.h"), header);
    write(folder.filePath("main.c"), "#include \"weights.h\"\n#include \"weights.h\"\n#include <stdio.h>\n"
                                     "int main(void) {\n" +
                                         body + "    return 0;\n}\n");
    QByteArray out;
    QVERIFY(runs("cc", {"-std=c99", "-Wall", "-Wextra", "-pedantic-errors", "-Werror", "main.c", "-o", "main"}, out,
                 folder.path()));
    QVERIFY(runs(folder.filePath("main"), {}, out, folder.path()));
    QCOMPARE(QString(out), QString::fromStdString(expected));
    QVERIFY(
        runs("c++", {"-std=c++11", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", "main.c"}, out, folder.path()));
}

/// What cannot be said is listed by tensor, and nothing is written; unless it is to be left out.
void TestExportMemory::refuses() {
    auto session = open("digits_cnn");
    Formats formats = someFormats(*session);
    const auto slot = [&](const std::string& path) -> QType& {
        for (std::size_t i = 0; i < formats.size(); ++i) {
            if (session->slots()[i].path == path)
                return formats[i];
        }
        throw std::logic_error(path);
    };
    slot("conv1.weight") = {};
    slot("down.weight") = {8, std::nullopt, {}, {}, Affine{{0.01}, {0}, -1}};
    slot("fc.weight").rounding = Rounding::Ceil;
    slot("fc.activation").rounding = Rounding::Stochastic;
    MemoryOptions options;
    options.kinds = {MemoryKind::Mem};
    options.types = {TypesTarget::ApFixed};
    options.golden = {1};
    const std::vector<Refusal> expected{{"conv1.weight", "memory", "stays float"},
                                        {"down.weight", "memory", "has a real-valued scale"},
                                        {"down.weight", "ap_fixed", "has a real-valued scale"},
                                        {"fc.weight", "ap_fixed", "rounds by CEIL"},
                                        {"fc.activation", "ap_fixed", "rounds by STOCHASTIC"}};
    QVERIFY(memoryRefusals(session->slots(), formats, options) == expected);
    try {
        memoryContent(*session, {}, formats, options);
        QFAIL("accepted");
    } catch (const Error& error) {
        for (const Refusal& refusal : expected)
            QVERIFY(QString::fromStdString(error.where).contains(QString::fromStdString(refusal.path)));
    }
    QTemporaryDir folder;
    const std::string header = folder.filePath("types.h").toStdString();
    QVERIFY_EXCEPTION_THROWN(writeTypes(header, session->slots(), formats, options.types, false), Error);
    QVERIFY(!QFile::exists(folder.filePath("types.h")));
    QCOMPARE(writeTypes(header, session->slots(), formats, options.types, true).size(), std::size_t{3});

    options.leaveOut = true;
    const auto content = memoryContent(*session, {}, formats, options);
    writeMemory(*content, folder.path().toStdString());
    const Json sidecar = test::readJson(folder.filePath("memory.json").toStdString());
    QCOMPARE(sidecar["refused"].size(), expected.size());
    QVERIFY(!QFile::exists(folder.filePath("conv1_weight.mem")));
    QVERIFY(QFile::exists(folder.filePath("fc_weight.mem")));
    options.golden = {session->sampleCount()};
    QVERIFY_EXCEPTION_THROWN(memoryContent(*session, {}, formats, options), Error);
    QVERIFY_EXCEPTION_THROWN(memoryContent(*session, {}, formats, {}), Error);
}

/// Every kind holds the integers that the model's own weights round to.
void TestExportMemory::everyKind() {
    auto session = open("digits_cnn");
    const Formats formats = someFormats(*session);
    MemoryOptions options;
    options.kinds = {kMemoryKinds.begin(), kMemoryKinds.end()};
    options.types = {kTypesTargets.begin(), kTypesTargets.end()};
    QTemporaryDir folder;
    const QString target = folder.filePath("new/folder");
    const auto content = memoryContent(*session, {"digits", "00ff", {}}, formats, options);
    writeMemory(*content, target.toStdString());
    for (const std::string& file : content->files())
        QVERIFY2(QFile::exists(target + "/" + QString::fromStdString(file)), file.c_str());
    QCOMPARE(static_cast<std::size_t>(QDir(target).entryList(QDir::Files).size()), content->files().size());

    const Json sidecar = test::readJson((target + "/memory.json").toStdString());
    QCOMPARE(sidecar["model"]["sha256"].get<std::string>(), std::string("00ff"));
    QCOMPARE(QByteArray::fromStdString(sidecar["qconfig"]["sha256"].get<std::string>()),
             QCryptographicHash::hash(read(target + "/qconfig.json"), QCryptographicHash::Sha256).toHex());
    const QString header = read(target + "/weights.h");
    const NamedArrays parameters = session->parameters();
    std::size_t found = 0;
    for (const Json& tensor : sidecar["tensors"]) {
        const auto path = tensor["name"].get<std::string>();
        const Array* array = parameters.find(path);
        QVERIFY2(array, path.c_str());
        ++found;
        const int total = tensor["total_bits"], fraction = tensor["fractional_bits"];
        QVERIFY(tensor["signed"] == true && tensor["order"] == "row_major" && tensor["rounding"] == "ROUND");
        QCOMPARE(tensor["shape"].get<std::vector<std::int64_t>>(), array->shape);
        std::vector<std::int64_t> expected;
        for (std::int64_t i = 0; i < array->count(); ++i) {
            // Nearest, ties to even: by comparing twice the rest with one.
            const double v = static_cast<double>(array->floats()[i]) * std::pow(2.0, fraction);
            auto down = static_cast<std::int64_t>(std::floor(v));
            const double twice = 2 * (v - static_cast<double>(down));
            down += twice > 1 || (twice == 1 && down % 2 != 0);
            const std::int64_t half = std::int64_t{1} << (total - 1);
            expected.push_back(std::min(half - 1, std::max(-half, down)));
        }
        const Json& files = tensor["files"];
        const auto file = [&](const char* kind) {
            return target + "/" + QString::fromStdString(files[kind].get<std::string>());
        };
        const QByteArray mem = read(file("mem"));
        QVERIFY(QRegularExpression(QString("^([0-9a-f]{%1}\n)+$").arg((total + 3) / 4)).match(mem).hasMatch());
        QCOMPARE(integersOf(file("mem"), total), expected);
        // The other texts have the same digits.
        const QList<QByteArray> digits = mem.trimmed().split('\n');
        const QString mif = read(file("mif"));
        QVERIFY(mif.contains(QString("WIDTH=%1;").arg(total)));
        QVERIFY(mif.contains(QString("DEPTH=%1;").arg(expected.size())));
        QString content;
        for (qsizetype i = 0; i < digits.size(); ++i)
            content += QString("%1 : %2;\n").arg(i).arg(QString(digits[i]));
        QVERIFY(mif.contains("CONTENT BEGIN\n" + content + "END;\n"));
        QCOMPARE(QString(read(file("coe"))), "memory_initialization_radix=16;\nmemory_initialization_vector=\n" +
                                                 QString(digits.join(",\n")) + ";\n");
        // NumPy's header, and little-endian integers of the least width.
        const QByteArray npy = read(file("npy"));
        const int bytes = total <= 8 ? 1 : total <= 16 ? 2 : 4;
        QVERIFY(npy.startsWith("\x93NUMPY\x01"));
        const int begin = 10 + static_cast<unsigned char>(npy[8]) + 256 * static_cast<unsigned char>(npy[9]);
        QVERIFY(npy.left(begin).contains(bytes == 1 ? "'|i1'" : bytes == 2 ? "'<i2'" : "'<i4'"));
        QCOMPARE(npy.size(), begin + bytes * qsizetype(expected.size()));
        const QString id = QString::fromStdString(tensor["identifier"].get<std::string>());
        QStringList numbers;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            std::int64_t value = 0;
            for (int b = bytes; b-- > 0;) {
                const auto byte = static_cast<unsigned char>(npy[begin + qsizetype(i) * bytes + b]);
                value = b == bytes - 1 ? static_cast<signed char>(byte) : value * 256 + byte;
            }
            QCOMPARE(value, expected[i]);
            numbers << QString::number(expected[i]);
        }
        const auto match = QRegularExpression(" " + id + "\\[\\d+\\] = \\{([^}]*)\\}").match(header);
        QVERIFY(match.hasMatch());
        QCOMPARE(match.captured(1).simplified().split(", "), numbers);
        // types.h has the tensor's format.
        QVERIFY(QString(read(target + "/types.h"))
                    .contains(QString("typedef ap_fixed<%1,%2,AP_RND_CONV,AP_SAT> %3_t;")
                                  .arg(total)
                                  .arg(total - fraction)
                                  .arg(id)));
    }
    QCOMPARE(found, std::size_t{19}); // the statistics of batch norms, too
    QVERIFY(!sidecar.contains("golden"));

    // Written again, every file is the same to the byte.
    std::map<QString, QByteArray> before;
    for (const std::string& file : content->files())
        before[QString::fromStdString(file)] = read(target + "/" + QString::fromStdString(file));
    writeMemory(*memoryContent(*session, {"digits", "00ff", {}}, formats, options), target.toStdString());
    for (const auto& [file, bytes] : before)
        QCOMPARE(read(target + "/" + file), bytes);
}

QTEST_GUILESS_MAIN(TestExportMemory)
#include "tst_export_memory.moc"
