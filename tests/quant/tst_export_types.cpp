#include "quant/core/error.h"
#include "quant/core/rounding.h"
#include "quant/export/fixed_types.h"
#include "quant/export/words.h"

#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

using namespace fxp;
using namespace fxp::quant;

Q_DECLARE_METATYPE(fxp::quant::QType)

/// Formats as types of ap_fixed, ac_fixed and sc_fixed: the text, what none has, and with SystemC what they compute.
class TestExportTypes : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void texts_data();
    void texts();
    void refuses_data();
    void refuses();
    void readAgain();
    void parameters();
    void sameIntegers();

  private:
    static QType type(int total, int fraction, Rounding rounding = {}, Overflow overflow = {}) {
        return {total, fraction, rounding, overflow};
    }
    static QType scaled() { return {8, std::nullopt, {}, {}, Affine{{0.1}, {0}, -1}}; }
    static std::vector<TypesTarget> all() { return {kTypesTargets.begin(), kTypesTargets.end()}; }
    static void write(const QString& file, const std::string& text) {
        QFile out(file);
        QVERIFY(out.open(QIODevice::WriteOnly) && out.write(text.c_str()) == qint64(text.size()));
    }
    static int compile(const QStringList& arguments) {
        QProcess process;
        process.setProcessChannelMode(QProcess::ForwardedChannels);
        process.start("c++", arguments);
        return process.waitForFinished(-1) ? process.exitCode() : -1;
    }
};

void TestExportTypes::texts_data() {
    QTest::addColumn<QType>("format");
    QTest::addColumn<QStringList>("expected");
    QTest::newRow("usual") << type(8, 7)
                           << QStringList{"ap_fixed<8,1,AP_RND_CONV,AP_SAT>", "ac_fixed<8,1,true,AC_RND_CONV,AC_SAT>",
                                          "sc_dt::sc_fixed<8,1,sc_dt::SC_RND_CONV,sc_dt::SC_SAT>"};
    QTest::newRow("the point left of the word")
        << type(4, 9, Rounding::Floor, Overflow::Wrap)
        << QStringList{"ap_fixed<4,-5,AP_TRN,AP_WRAP>", "ac_fixed<4,-5,true,AC_TRN,AC_WRAP>",
                       "sc_dt::sc_fixed<4,-5,sc_dt::SC_TRN,sc_dt::SC_WRAP>"};
    QTest::newRow("float") << QType{} << QStringList{"float", "float", "float"};
    QTest::newRow("toward +infinity exists nowhere") << type(8, 7, Rounding::Ceil) << QStringList{"", "", ""};
    QTest::newRow("half up is no ceiling")
        << type(16, -2, Rounding::RoundHalfUp, Overflow::SaturateZero)
        << QStringList{"ap_fixed<16,18,AP_RND,AP_SAT_ZERO>", "ac_fixed<16,18,true,AC_RND,AC_SAT_ZERO>",
                       "sc_dt::sc_fixed<16,18,sc_dt::SC_RND,sc_dt::SC_SAT_ZERO>"};
}

void TestExportTypes::texts() {
    QFETCH(QType, format);
    QFETCH(QStringList, expected);
    QStringList got;
    for (const TypesTarget target : kTypesTargets)
        got << QString::fromStdString(fixedType(format, target));
    QCOMPARE(got, expected);
}

void TestExportTypes::refuses_data() {
    QTest::addColumn<QType>("format");
    QTest::addColumn<QString>("why");
    for (const Rounding rounding : {Rounding::Ceil, Rounding::Stochastic}) {
        for (const Overflow overflow : kOverflows)
            QTest::addRow("%s %s", name(rounding).data(), name(overflow).data())
                << type(8, 4, rounding, overflow) << "rounds by " + QString::fromLatin1(name(rounding).data());
    }
    QTest::newRow("scale") << scaled() << "has a real-valued scale";
    QTest::newRow("no F") << QType{8, std::nullopt, {}, {}} << "has no fractional_bits";
    QTest::newRow("no T") << QType{std::nullopt, 8, {}, {}} << "has no total_bits";
}

void TestExportTypes::refuses() {
    QFETCH(QType, format);
    for (const TypesTarget target : kTypesTargets) {
        QTEST(QString::fromStdString(whyNoType(format, target)), "why");
        QCOMPARE(fixedType(format, target), std::string());
    }
    const std::string header = typesHeader({{"a.b", "a_b", format}}, all());
    QCOMPARE(QString::fromStdString(header).count("/* none for a.b: "), 3);
    QVERIFY(!QString::fromStdString(header).contains("typedef"));
}

void TestExportTypes::readAgain() {
    const std::vector<TypedTensor> tensors{{"a", "a", type(8, 4)},
                                           {"b */ #\n", "b", type(9, -3, Rounding::Trunc, Overflow::Wrap)},
                                           {"c", "c", QType{}},
                                           {"d", "d", type(8, 1, Rounding::Ceil)}};
    const std::string header = typesHeader(tensors, all());
    checkTypesHeader(header, tensors, all(), "types.h");
    // Every single digit and mode counts.
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"ap_fixed<8,4", "ap_fixed<8,5"},
                                   {"ac_fixed<9,12,true", "ac_fixed<9,12,false"},
                                   {"sc_dt::SC_TRN_ZERO", "sc_dt::SC_TRN"},
                                   {"AC_WRAP", "AC_SAT"},
                                   {"float c_t", "float d_t"},
                                   {"none for d", "some for d"},
                                   {"namespace fxp_sc", "namespace fxp_sd"}}) {
        std::string damaged = header;
        const std::size_t at = damaged.find(from);
        QVERIFY2(at != std::string::npos, from.c_str());
        damaged.replace(at, from.size(), to);
        QVERIFY_EXCEPTION_THROWN(checkTypesHeader(damaged, tensors, all(), "types.h"), Error);
    }
}

/// The libraries of Vitis and of Catapult are no Debian packages: templates with their parameters stand in for them,
/// and tell what the header asks for.
void TestExportTypes::parameters() {
    QTemporaryDir folder;
    const auto stub = [](const std::string& prefix, const std::string& begin, const std::string& sign) {
        const std::string P = prefix;
        return "#pragma once\nenum " + P + "q { " + P + "RND, " + P + "RND_ZERO, " + P + "RND_MIN_INF, " + P +
               "RND_INF, " + P + "RND_CONV, " + P + "TRN, " + P + "TRN_ZERO };\nenum " + P + "o { " + P + "SAT, " + P +
               "SAT_ZERO, " + P + "SAT_SYM, " + P + "WRAP };\ntemplate <int W, int I, " + sign + P + "q Q, " + P +
               "o O> struct " + begin +
               " { static constexpr int w = W, i = I; static constexpr auto q = Q; static constexpr auto o = O; };\n";
    };
    write(folder.filePath("ap_fixed.h"), stub("AP_", "ap_fixed", ""));
    write(folder.filePath("ac_fixed.h"), stub("AC_", "ac_fixed", "bool S, "));
    // As the manuals define the modes: "round to plus infinity", "truncation to minus infinity", ….
    const std::vector<std::pair<Rounding, std::string>> roundings{{Rounding::RoundHalfUp, "RND"},
                                                                  {Rounding::RoundHalfZero, "RND_ZERO"},
                                                                  {Rounding::RoundHalfDown, "RND_MIN_INF"},
                                                                  {Rounding::RoundHalfAway, "RND_INF"},
                                                                  {Rounding::Round, "RND_CONV"},
                                                                  {Rounding::Floor, "TRN"},
                                                                  {Rounding::Trunc, "TRN_ZERO"}};
    const std::vector<std::pair<Overflow, std::string>> overflows{{Overflow::Saturate, "SAT"},
                                                                  {Overflow::SaturateZero, "SAT_ZERO"},
                                                                  {Overflow::SaturateSymmetric, "SAT_SYM"},
                                                                  {Overflow::Wrap, "WRAP"}};
    std::vector<TypedTensor> tensors;
    std::string asserts;
    for (const auto& [rounding, q] : roundings) {
        for (const auto& [overflow, o] : overflows) {
            const int total = static_cast<int>(tensors.size()) + 2, fraction = 11 - total;
            const std::string id = "t" + std::to_string(tensors.size());
            tensors.push_back({id, id, type(total, fraction, rounding, overflow)});
            for (const std::string space : {"ap", "ac"}) {
                const std::string t = "fxp_" + space + "::" + id + "_t::", P = space == "ap" ? "AP_" : "AC_";
                asserts += "static_assert(" + t + "w == " + std::to_string(total) + " && " + t +
                           "i == " + std::to_string(total - fraction) + " && " + t + "q == " + P + q + " && " + t +
                           "o == " + P + o + ", \"" + id + "\");\n";
            }
        }
    }
    write(folder.filePath("types.h"), typesHeader(tensors, all()));
    write(folder.filePath("main.cpp"), "#include \"types.h\"\n" + asserts);
    QCOMPARE(compile({"-std=c++11", "-Wall", "-Werror", "-fsyntax-only", "-DFXP_AP_FIXED", "-DFXP_AC_FIXED", "-I",
                      folder.path(), folder.filePath("main.cpp")}),
             0);
}

/// SystemC's own sc_fixed makes the integers that the quantizer makes, for all modes that it has.
void TestExportTypes::sameIntegers() {
    if (QStandardPaths::findExecutable("c++").isEmpty() || !QFile::exists("/usr/include/systemc"))
        QSKIP("needs a C++ compiler and libsystemc-dev");
    std::vector<TypedTensor> tensors;
    for (const auto& [total, fraction] :
         {std::pair{8, 4}, {4, 6}, {5, -2}, {2, 0}, {12, 15}, {24, 10}, {33, 20}, {64, 30}}) {
        for (const Rounding rounding : kRoundings) {
            for (const Overflow overflow : kOverflows) {
                const QType format = type(total, fraction, rounding, overflow);
                const std::string id = "t" + std::to_string(tensors.size());
                if (whyNoType(format, TypesTarget::ScFixed).empty())
                    tensors.push_back({id, id, format});
            }
        }
    }
    QCOMPARE(tensors.size(), std::size_t{8 * 7 * 4});

    std::mt19937 random(7);
    std::uniform_real_distribution<float> uniform(-1, 1);
    const auto valuesFor = [&](const QType& format) {
        std::vector<float> values{0.0f, -0.0f, 1e-30f, -1e-30f, 1e30f, -1e30f};
        const auto at = [&](double integer) {
            values.push_back(static_cast<float>(std::ldexp(integer, -*format.fractionalBits)));
        };
        const double limit = std::ldexp(1.0, *format.totalBits - 1);
        for (double integer = -4; integer <= 4; integer += 0.25) // ties, and both sides of them
            at(integer);
        for (const double around : {limit, -limit, 2 * limit, -2 * limit, 3 * limit}) {
            for (double off = -2; off <= 2; off += 0.5)
                at(around + off);
        }
        for (int i = 0; i < 20; ++i)
            at(static_cast<double>(uniform(random)) * limit * 1.5);
        return values;
    };
    std::string body;
    std::vector<std::int64_t> expected;
    for (const TypedTensor& tensor : tensors) {
        const std::vector<float> values = valuesFor(tensor.type);
        Array quantized = Array::ofFloats({static_cast<std::int64_t>(values.size())}, values);
        auto* x = reinterpret_cast<float*>(quantized.bytes.data());
        for (std::size_t i = 0; i < values.size(); ++i)
            x[i] = quantizeOne(values[i], tensor.type, limits(tensor.type), 0).value;
        const MemoryWords words = wordsOf(quantized, tensor.type, tensor.path);
        expected.insert(expected.end(), words.begin(), words.end());
        body += "    {\n        const double x[] = {";
        for (const float value : values) {
            char text[40];
            std::snprintf(text, sizeof text, "%a,", static_cast<double>(value));
            body += text;
        }
        body += "};\n        for (double v : x)\n            print(fxp_sc::" + tensor.identifier + "_t(v));\n    }\n";
    }
    QTemporaryDir folder;
    write(folder.filePath("types.h"), typesHeader(tensors, {TypesTarget::ScFixed}));
    // The bits are read one by one, so that no conversion of the library's rounds.
    write(folder.filePath("main.cpp"), "#include \"types.h\"\n#include <cstdint>\n#include <cstdio>\n"
                                       "template <class T> void print(const T& value) {\n"
                                       "    std::uint64_t bits = value[value.wl() - 1] ? ~std::uint64_t{0} : 0;\n"
                                       "    for (int i = value.wl() - 1; i >= 0; --i)\n"
                                       "        bits = bits << 1 | (value[i] ? 1 : 0);\n"
                                       "    std::printf(\"%lld\\n\", static_cast<long long>(bits));\n}\n"
                                       "int sc_main(int, char**) {\n" +
                                           body + "    return 0;\n}\n");
    const QString program = folder.filePath("main");
    QCOMPARE(compile({"-std=c++17", "-O0", "-DFXP_SC_FIXED", "-I", folder.path(), folder.filePath("main.cpp"), "-o",
                      program, "-lsystemc"}),
             0);
    QProcess process;
    process.setProcessEnvironment([] {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1");
        return environment;
    }());
    process.start(program, {});
    QVERIFY(process.waitForFinished(-1));
    QCOMPARE(process.exitCode(), 0);
    const QList<QByteArray> lines = process.readAllStandardOutput().trimmed().split('\n');
    QCOMPARE(static_cast<std::size_t>(lines.size()), expected.size());
    std::size_t line = 0;
    for (const TypedTensor& tensor : tensors) {
        const std::size_t count = expected.size() / tensors.size();
        for (std::size_t i = 0; i < count; ++i, ++line) {
            if (lines[qsizetype(line)].toLongLong() != expected[line])
                QFAIL(qPrintable(QString("%1, value %2: SystemC %3, here %4")
                                     .arg(QString::fromStdString(fixedType(tensor.type, TypesTarget::ScFixed)))
                                     .arg(i)
                                     .arg(QString::fromUtf8(lines[qsizetype(line)]))
                                     .arg(expected[line])));
        }
    }
}

QTEST_GUILESS_MAIN(TestExportTypes)
#include "tst_export_types.moc"
