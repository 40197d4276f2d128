#include "quant/core/error.h"
#include "quant/export/identifiers.h"
#include "quant/export/sample_list.h"

#include <QTest>

#include <set>

using namespace fxp;
using namespace fxp::quant;

/// What an export asks and answers in words: the names of tensors in its targets, and lists of samples.
class TestExportNames : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void identifiers_data();
    void identifiers();
    void samples_data();
    void samples();
};

void TestExportNames::identifiers_data() {
    QTest::addColumn<QStringList>("paths");
    QTest::addColumn<QStringList>("expected");
    QTest::newRow("dots") << QStringList{"enc.1.act", "0.weight"} << QStringList{"enc_1_act", "t_0_weight"};
    QTest::newRow("the same after cleaning")
        << QStringList{"a.b", "a_b", "a/b", "a..b"} << QStringList{"a_b", "a_b_2", "a_b_3", "a_b_4"};
    QTest::newRow("a number is taken") << QStringList{"a.b", "a_b_2", "a_b"} << QStringList{"a_b", "a_b_2", "a_b_3"};
    QTest::newRow("capitals") << QStringList{"A.w", "a.w"} << QStringList{"A_w", "a_w_2"};
    QTest::newRow("words of languages") << QStringList{"int", "Module", "reg", "nul", "weights"}
                                        << QStringList{"int_2", "Module_2", "reg_2", "nul_2", "weights_2"};
    QTest::newRow("another's type") << QStringList{"x", "x.t", "x_count"} << QStringList{"x", "x_t_2", "x_count_2"};
    QTest::newRow("its own type, later") << QStringList{"x.t", "x"} << QStringList{"x_t", "x_2"};
    QTest::newRow("reserved") << QStringList{"_a", "__a__b", ""} << QStringList{"a", "a_b", "t"};
    QTest::newRow("no letters") << QStringList{"层.权重", "/", "--"} << QStringList{"t", "t_2", "t_3"};
}

void TestExportNames::identifiers() {
    QFETCH(QStringList, paths);
    Identifiers names;
    QStringList got;
    for (const QString& path : paths)
        got << QString::fromStdString(names.add(path.toStdString()));
    QTEST(got, "expected");

    // Long ones differ in what is cut off.
    const std::string start(300, 'x');
    std::set<std::string> all;
    for (int i = 0; i < 50; ++i) {
        const std::string name = names.add(start + std::to_string(i));
        QVERIFY(name.size() <= Identifiers::kLongest + 4);
        QVERIFY(all.insert(name).second);
    }
}

void TestExportNames::samples_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QList<qlonglong>>("expected"); // empty with a text that is not: refused
    QTest::newRow("none") << " " << QList<qlonglong>{};
    QTest::newRow("one") << "7" << QList<qlonglong>{7};
    QTest::newRow("ranges") << " 5, 0-2 ,1" << QList<qlonglong>{5, 0, 1, 2};
    for (const char* bad : {"8", "3-1", "a", "1,,2", "1,", "-1", "0-9", "1 2", "99999999999999999999"})
        QTest::newRow(bad) << bad << QList<qlonglong>{};
}

void TestExportNames::samples() {
    QFETCH(QString, text);
    QFETCH(QList<qlonglong>, expected);
    if (expected.isEmpty() && !text.trimmed().isEmpty()) {
        QVERIFY_EXCEPTION_THROWN(sampleNumbers(text.toStdString(), 8), Error);
        return;
    }
    const auto numbers = sampleNumbers(text.toStdString(), 8);
    QCOMPARE(QList<qlonglong>(numbers.begin(), numbers.end()), expected);
}

QTEST_GUILESS_MAIN(TestExportNames)
#include "tst_export_names.moc"
