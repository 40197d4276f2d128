#include "quant/core/code_text.h"
#include "quant/core/kernels/quantize_kernel.h"

#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <random>
#include <vector>

using namespace fxp::quant;

/// Formats as code: C that compiles, and numpy that computes what the kernels do.
class TestCodeText : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void c_data();
    void c();
    void cCompiles();
    void numpy_data();
    void numpy();
    void numpyComputesTheSame();

  private:
    static QType type(int total, int fraction, Rounding rounding = {}, Overflow overflow = {}) {
        return {total, fraction, rounding, overflow};
    }
};

Q_DECLARE_METATYPE(QType)

void TestCodeText::c_data() {
    QTest::addColumn<QType>("format");
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("text");
    QTest::newRow("8 bits") << type(6, 4) << "enc.1.act"
                            << "typedef int8_t enc_1_act_t;\n"
                               "enum { enc_1_act_total_bits = 6, enc_1_act_fraction_bits = 4 };\n";
    QTest::newRow("16 bits") << type(9, -2) << "a"
                             << "typedef int16_t a_t;\nenum { a_total_bits = 9, a_fraction_bits = -2 };\n";
    QTest::newRow("64 bits") << type(33, 4) << "a"
                             << "typedef int64_t a_t;\nenum { a_total_bits = 33, a_fraction_bits = 4 };\n";
    QTest::newRow("begins with a digit") << QType{} << "0.weight"
                                         << "typedef float t_0_weight_t;\n";
    QTest::newRow("scale") << QType{8, std::nullopt, {}, {}, Affine{{0.1}, {-3}, -1}} << "a"
                           << "typedef int8_t a_t;\nenum { a_total_bits = 8 };\n"
                              "static const double a_scale = 0.1;\nstatic const int64_t a_zero_point = -3;\n";
    QTest::newRow("scale per channel") << QType{8, std::nullopt, {}, {}, Affine{{0.5, 0.25}, {0, 1}, 0}} << "a"
                                       << "typedef int8_t a_t;\nenum { a_total_bits = 8 };\n"
                                          "static const double a_scale[2] = {0.5, 0.25};\n"
                                          "static const int64_t a_zero_point[2] = {0, 1};\n";
    QTest::newRow("partial") << QType{8, std::nullopt, {}, {}} << "a"
                             << "";
}

void TestCodeText::c() {
    QFETCH(QType, format);
    QFETCH(QString, path);
    QTEST(QString::fromStdString(cTypedef(format, path.toStdString())), "text");
}

void TestCodeText::cCompiles() {
    const QString compiler = QStandardPaths::findExecutable("cc");
    if (compiler.isEmpty())
        QSKIP("needs a C compiler");
    QTemporaryDir folder;
    QFile source(folder.filePath("formats.c"));
    QVERIFY(source.open(QIODevice::WriteOnly));
    source.write("#include <stdint.h>\n");
    int i = 0;
    for (const QType& format :
         {type(6, 4), type(40, 12), QType{}, QType{8, std::nullopt, {}, {}, Affine{{1e-5}, {-3}, -1}},
          QType{8, std::nullopt, {}, {}, Affine{{0.5, 0.25}, {0, 1}, 0}}})
        source.write(cTypedef(format, std::to_string(i++) + ".weight-x").c_str());
    source.close();
    QCOMPARE(QProcess::execute(compiler, {"-std=c99", "-pedantic-errors", "-fsyntax-only", source.fileName()}), 0);
}

void TestCodeText::numpy_data() {
    QTest::addColumn<QType>("format");
    QTest::addColumn<QString>("text");
    QTest::newRow("nearest, saturated") << type(6, 4)
                                        << "np.float32(np.clip(np.rint(np.float64(x) * 2.0**4), -32, 31) * 2.0**-4)";
    QTest::newRow("floor, wrapped") << type(4, -1, Rounding::Floor, Overflow::Wrap)
                                    << "np.float32(((np.floor(np.float64(x) * 2.0**-1) + 8) % 16 - 8) * 2.0**1)";
    QTest::newRow("zero point") << QType{8, std::nullopt, {}, {}, Affine{{0.1}, {-3}, -1}}
                                << "np.float32((np.clip(np.rint(np.float64(x) / 0.1) - 3, -128, 127) + 3) * 0.1)";
    QTest::newRow("float") << QType{} << "np.float32(x)";
    QTest::newRow("stochastic") << type(6, 4, Rounding::Stochastic) << "";
    QTest::newRow("25 bits") << type(25, 4) << "";
    QTest::newRow("per channel") << QType{8, std::nullopt, {}, {}, Affine{{0.5, 0.25}, {0, 1}, 0}} << "";
    QTest::newRow("partial") << QType{8, std::nullopt, {}, {}} << "";
}

void TestCodeText::numpy() {
    QFETCH(QType, format);
    QTEST(QString::fromStdString(numpyExpression(format)), "text");
}

/// Every rounding with every overflow, on random values, ties, limits and neighbours of ties.
void TestCodeText::numpyComputesTheSame() {
    const QString python = QStandardPaths::findExecutable("python3");
    if (python.isEmpty() || QProcess::execute(python, {"-c", "import numpy"}) != 0)
        QSKIP("needs python3 with numpy");
    std::vector<float> values;
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 2);
    for (int i = 0; i < 500; ++i)
        values.push_back(normal(random));
    for (int i = -80; i <= 80; ++i) {
        const auto tie = static_cast<float>(i) / 32;
        values.insert(values.end(), {tie, std::nextafter(tie, 9.0f), std::nextafter(tie, -9.0f)});
    }
    std::vector<QType> formats;
    for (const Rounding rounding : kRoundings) {
        for (const Overflow overflow : kOverflows) {
            for (const QType& format : {type(6, 4, rounding, overflow), type(3, 0, rounding, overflow),
                                        QType{5, std::nullopt, rounding, overflow, Affine{{0.15}, {-7}, -1}}})
                if (!numpyExpression(format).empty())
                    formats.push_back(format);
        }
    }
    QCOMPARE(formats.size(), std::size_t(8 * 4 * 3));
    QTemporaryDir folder;
    QFile script(folder.filePath("formats.py")), given(folder.filePath("x")), found(folder.filePath("y"));
    QVERIFY(script.open(QIODevice::WriteOnly) && given.open(QIODevice::WriteOnly));
    const auto bytes = static_cast<qint64>(values.size() * sizeof(float));
    given.write(reinterpret_cast<const char*>(values.data()), bytes);
    given.close();
    script.write("import numpy as np\nx = np.fromfile('x', np.float32)\nout = open('y', 'wb')\n");
    for (const QType& format : formats)
        script.write(("(" + numpyExpression(format) + ").tofile(out)\n").c_str());
    script.close();
    QProcess process;
    process.setWorkingDirectory(folder.path());
    process.start(python, {"formats.py"});
    QVERIFY(process.waitForFinished(60'000) && process.exitCode() == 0);
    QVERIFY(found.open(QIODevice::ReadOnly));
    for (const QType& format : formats) {
        std::vector<float> theirs(values.size()), ours(values.size());
        QCOMPARE(found.read(reinterpret_cast<char*>(theirs.data()), bytes), bytes);
        QuantizeJob job;
        job.x = values.data();
        job.y = ours.data();
        job.count = static_cast<std::int64_t>(values.size());
        job.type = format;
        quantizeReference(job);
        for (std::size_t i = 0; i < values.size(); ++i)
            QVERIFY2(theirs[i] == ours[i], qPrintable(QString("%1 of %2: %3, %4")
                                                          .arg(QString::fromStdString(numpyExpression(format)))
                                                          .arg(double(values[i]))
                                                          .arg(double(theirs[i]))
                                                          .arg(double(ours[i]))));
    }
}

QTEST_GUILESS_MAIN(TestCodeText)
#include "tst_code_text.moc"
