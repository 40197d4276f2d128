#include "quant/core/notation.h"

#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <clocale>
#include <cstdio>
#include <locale>

using namespace fxp::quant;

/// What each notation says of a format, and that it says nothing it has no word for.
class TestNotation : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void modes_data();
    void modes();
    void scales_data();
    void scales();
    void reads_data();
    void reads();
    void aPointDropsTheScale();
    void anyLocale_data();
    void anyLocale();
};

namespace {

/// FIXED_POINT.md, section 2, as the libraries' own pages have it; empty: there is no such mode.
struct Names {
    const char *name, *apFixed, *acFixed, *fi;
};
constexpr Names kRoundingTable[] = {{"ROUND", "AP_RND_CONV", "AC_RND_CONV", "Convergent"},
                                    {"TRUNC", "AP_TRN_ZERO", "AC_TRN_ZERO", "Zero"},
                                    {"FLOOR", "AP_TRN", "AC_TRN", "Floor"},
                                    {"CEIL", "", "", "Ceiling"},
                                    {"ROUND_HALF_UP", "AP_RND", "AC_RND", "Nearest"},
                                    {"ROUND_HALF_DOWN", "AP_RND_MIN_INF", "AC_RND_MIN_INF", ""},
                                    {"ROUND_HALF_AWAY", "AP_RND_INF", "AC_RND_INF", "Round"},
                                    {"ROUND_HALF_ZERO", "AP_RND_ZERO", "AC_RND_ZERO", ""},
                                    {"STOCHASTIC", "", "", ""}};
constexpr Names kOverflowTable[] = {{"SATURATE", "AP_SAT", "AC_SAT", "Saturate"},
                                    {"SATURATE_SYMMETRIC", "AP_SAT_SYM", "AC_SAT_SYM", ""},
                                    {"SATURATE_ZERO", "AP_SAT_ZERO", "AC_SAT_ZERO", ""},
                                    {"WRAP", "AP_WRAP", "AC_WRAP", "Wrap"}};

} // namespace

void TestNotation::modes_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("apFixed");
    QTest::addColumn<QString>("acFixed");
    QTest::addColumn<QString>("fi");
    for (const Names& r : kRoundingTable) {
        for (const Names& o : kOverflowTable) {
            const auto both = [](const QString& begin, const char* a, const char* b) {
                return *a && *b ? begin + a + "," + b + ">" : QString();
            };
            QString fi;
            if (*r.fi && *o.fi) {
                fi = "fi(1,6,4";
                if (QByteArray(r.fi) != "Nearest")
                    fi += QString(",'RoundingMethod','") + r.fi + "'";
                if (QByteArray(o.fi) != "Saturate")
                    fi += QString(",'OverflowAction','") + o.fi + "'";
                fi += ")";
            }
            const QString method = QString(r.name) + "_" + o.name;
            QTest::newRow(qPrintable(method)) << method << both("ap_fixed<6,2,", r.apFixed, o.apFixed)
                                              << both("ac_fixed<6,2,true,", r.acFixed, o.acFixed) << fi;
        }
    }
}

void TestNotation::modes() {
    QFETCH(QString, method);
    QFETCH(QString, apFixed);
    QFETCH(QString, acFixed);
    QFETCH(QString, fi);
    QType type{6, 4, {}, {}};
    QVERIFY(parseMethod(method.toStdString(), type));
    QCOMPARE(QString::fromStdString(write(type, Notation::ApFixed)), apFixed);
    QCOMPARE(QString::fromStdString(write(type, Notation::AcFixed)), acFixed);
    QCOMPARE(QString::fromStdString(write(type, Notation::Fi)), fi);
    QCOMPARE(write(type, Notation::SignIntegerFraction), std::string("s1.4"));
    QCOMPARE(write(type, Notation::Q), std::string("Q2.4"));
    // What was written is read back, method included, whatever the format was before.
    const QType before{9, 1, Rounding::RoundHalfUp, Overflow::Saturate, {}};
    for (const QString& text : {apFixed, acFixed, fi}) {
        if (!text.isEmpty())
            QVERIFY2(parseNotation(text.toStdString(), before) == type, qPrintable(text));
    }
}

void TestNotation::scales_data() {
    QTest::addColumn<QList<double>>("scale");
    QTest::addColumn<qint64>("zero");
    QTest::addColumn<QString>("text");
    QTest::newRow("scale") << QList<double>{0.012345} << qint64{0} << "×0.01235";
    QTest::newRow("zero point") << QList<double>{0.5} << qint64{3} << "×0.5 +3";
    QTest::newRow("negative zero point") << QList<double>{1e-7} << qint64{-128} << "×1e-07 −128";
    QTest::newRow("least zero point") << QList<double>{2} << std::numeric_limits<qint64>::min()
                                      << "×2 −9223372036854775808";
    QTest::newRow("channels") << QList<double>{0.25, 0.125, 1.5} << qint64{0} << "×0.125…1.5 /3";
}

void TestNotation::scales() {
    QFETCH(QList<double>, scale);
    QFETCH(qint64, zero);
    QFETCH(QString, text);
    QType type{64, std::nullopt, {}, {}, Affine{{scale.begin(), scale.end()}, {}, scale.size() > 1 ? 0 : -1}};
    type.affine->zeroPoint.assign(static_cast<std::size_t>(scale.size()), zero);
    QCOMPARE(QString::fromStdString(write(type, Notation::SignIntegerFraction)), text);
    for (const Notation notation : {Notation::Q, Notation::ApFixed, Notation::AcFixed, Notation::Fi})
        QCOMPARE(write(type, notation), std::string());
}

void TestNotation::reads_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>(
        "expected"); ///< ap_fixed of what is read over SATURATE_ZERO and ties away; empty: nothing
    const auto row = [](const char* text, const char* expected) { QTest::newRow(text) << text << expected; };
    row(" ap_fixed < 8 , -3 , AP_TRN , AP_WRAP > ", "ap_fixed<8,-3,AP_TRN,AP_WRAP>");
    row("ap_fixed<8,3>", "ap_fixed<8,3,AP_RND_INF,AP_SAT_ZERO>");
    row("ap_fixed<8,3,AP_RND>", "ap_fixed<8,3,AP_RND,AP_SAT_ZERO>");
    row("ac_fixed<8,3,true>", "ap_fixed<8,3,AP_RND_INF,AP_SAT_ZERO>");
    row("ac_fixed<8,3,1,AC_TRN>", "ap_fixed<8,3,AP_TRN,AP_SAT_ZERO>");
    row("ac_fixed<8,3,false,AC_TRN,AC_SAT>", "");
    row("ac_fixed<8,3,true,AP_TRN,AP_SAT>", "");
    row("ap_fixed<8,3,AC_TRN>", "");
    row("ap_fixed<8,3,AP_RND,AP_SAT,>", "");
    row("ap_fixed<8,3", "");
    row("ap_fixed<8,3>x", "");
    row("ap_fixed<8.5,3>", "");
    row("ap_fixed<-8,3>", "");
    row("ap_fixed<99999,3>", "");
    row("ap_fixed<65,3>", "");
    row("fi(1,8,5)", "ap_fixed<8,3,AP_RND_INF,AP_SAT_ZERO>");
    row("fi ( true , 8 , 5 , 'OverflowAction' , 'Wrap' )", "ap_fixed<8,3,AP_RND_INF,AP_WRAP>");
    row("fi(0,8,5)", "");
    row("fi(1,8,5,'RoundingMethod','Best')", "");
    row("Q3.5", "ap_fixed<8,3,AP_RND_INF,AP_SAT_ZERO>");
    row("q3.5", "ap_fixed<8,3,AP_RND_INF,AP_SAT_ZERO>");
    row("s2,5", "");
    row("s2.5 ", "ap_fixed<8,3,AP_RND_INF,AP_SAT_ZERO>");
    row("s2 .5", "");
    row("s2.+5", "");
    row("s--2.5", "");
    row("s2.9999", "");
    row("", "");
    row("float", "float");
    row("float32", "float");
    row("float64", "");
}

void TestNotation::reads() {
    QFETCH(QString, text);
    QFETCH(QString, expected);
    const QType base{4, std::nullopt, Rounding::RoundHalfAway, Overflow::SaturateZero, Affine{{0.3}, {1}, -1}};
    const auto type = parseNotation(text.toStdString(), base);
    QCOMPARE(type ? QString::fromStdString(write(*type, Notation::ApFixed)) : QString(), expected);
    QVERIFY(!type || !type->affine);
}

void TestNotation::aPointDropsTheScale() {
    const QType scaled{8, std::nullopt, Rounding::Floor, Overflow::Wrap, Affine{{0.1, 0.2}, {0, 0}, 0}};
    const QType expected{10, -3, Rounding::Floor, Overflow::Wrap, std::nullopt};
    QVERIFY(scaled.withPoint(10, -3) == expected);
    QVERIFY(QType{}.withPoint(8, 4) == (QType{8, 4, {}, {}, {}}));
}

void TestNotation::anyLocale_data() {
    QTest::addColumn<bool>("ofC");
    QTest::newRow("the C library's") << true;
    QTest::newRow("the C++ library's") << false;
}

void TestNotation::anyLocale() {
    QFETCH(bool, ofC);
    struct Comma : std::numpunct<char> {
        char do_decimal_point() const override { return ','; }
        char do_thousands_sep() const override { return '.'; }
        std::string do_grouping() const override { return "\1"; }
    };
    const std::locale before;
    QTemporaryDir folder;
    if (ofC) {
        if (!std::setlocale(LC_NUMERIC, "de_DE.UTF-8")) {
            // There is none on a small machine: make it.
            const QString program = QStandardPaths::findExecutable("localedef");
            if (program.isEmpty() ||
                QProcess::execute(program, {"-i", "de_DE", "-f", "UTF-8", folder.filePath("de_DE.UTF-8")}) != 0)
                QSKIP("needs a locale with a decimal comma, or localedef to make one");
            qputenv("LOCPATH", folder.path().toUtf8());
            QVERIFY(std::setlocale(LC_NUMERIC, "de_DE.UTF-8"));
        }
        char text[16];
        std::snprintf(text, sizeof text, "%.1f", 0.5);
        QCOMPARE(QByteArray(text), QByteArray("0,5"));
    } else {
        std::locale::global(std::locale(std::locale::classic(), new Comma));
    }
    const QType scaled{8, std::nullopt, {}, {}, Affine{{0.012345}, {-100}, -1}};
    const std::string scale = write(scaled, Notation::SignIntegerFraction);
    const QType point{64, 500, Rounding::Round, Overflow::Saturate, {}};
    const std::string ap = write(point, Notation::ApFixed), s = write(point, Notation::SignIntegerFraction);
    const auto read = parseNotation("s1.4", {});
    const auto back = parseNotation(ap, {});
    if (ofC)
        std::setlocale(LC_NUMERIC, "C");
    else
        std::locale::global(before);
    qunsetenv("LOCPATH");
    QCOMPARE(scale, std::string("×0.01235 −100"));
    QCOMPARE(ap, std::string("ap_fixed<64,-436,AP_RND_CONV,AP_SAT>"));
    QCOMPARE(s, std::string("s-437.500"));
    QVERIFY(read == (QType{6, 4, {}, {}, {}}));
    QVERIFY(back == point);
}

QTEST_GUILESS_MAIN(TestNotation)
#include "tst_notation.moc"
