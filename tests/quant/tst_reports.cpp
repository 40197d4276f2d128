#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/io/json.h"
#include "quant/io/report.h"
#include "quant/report/csv_report.h"
#include "quant/report/html_report.h"
#include "quant/report/html_text.h"
#include "quant/report/report_numbers.h"
#include "quant/report/word_plot.h"
#include "support/golden.h"
#include "support/layer_network.h"

#include <QMap>
#include <QTest>
#include <QXmlStreamReader>

#include <clocale>
#include <cmath>
#include <limits>

using namespace fxp;
using namespace fxp::quant;

/// The reports for people, read again by independent readers.
class TestReports : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void numbers();
    void text_data();
    void text();
    void tableHasTheReportsNumbers();
    void pageIsWhole();
    void pageIsTheSameInAnyLocale();
    void pageOfManyTensors();
    void word_data();
    void word();
};

namespace {

/// A small network's run in formats of 6 bits that overflow.
struct Run {
    std::unique_ptr<Session> session;
    Formats formats;
    RunSnapshot result;
    ModelIdentity model{"<net> & \"co\"", std::string(64, 'a'), {}};

    explicit Run(const char* name) {
        const test::Json item = test::readJson(test::goldenFolder() + "/layers/" + name + ".json");
        session = std::make_unique<Session>(test::goldenNetwork(item));
        Samples samples;
        const auto inputs = test::goldenInputs(item);
        for (std::size_t i = 0; i < inputs.size(); ++i)
            samples.inputs.items.emplace_back("x" + std::to_string(i), toArray(inputs[i]));
        session->setSamples(samples);
        formats.assign(session->slots().size(), QType{6, 5, {}, {}, {}});
        result = session->run(formats);
    }
    ReportSubject subject() const {
        return {model, {{"samples", "x,\"y\".npz", "bb"}}, session->sampleCount(), session->slots(), formats, *result};
    }
};

/// The cells of a CSV text, by RFC 4180.
QList<QStringList> cellsOf(const std::string& csv) {
    QList<QStringList> rows{{}};
    QString cell;
    bool quoted = false;
    const QString text = QString::fromStdString(csv);
    for (qsizetype i = 0; i < text.size(); ++i) {
        const QChar c = text[i];
        if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"')
            cell += text[++i];
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == ',')
            rows.last() << std::exchange(cell, {});
        else if (!quoted && c == '\n')
            rows.last() << std::exchange(cell, {}), rows << QStringList{};
        else if (quoted || c != '\r')
            cell += c;
    }
    rows.removeLast(); // after the last line's end
    return rows;
}

struct Element {
    QString name, look;
    QMap<QString, QString> attributes;
    double at(const char* key) const { return attributes.value(key).toDouble(); }
};

/// Every element of a well-formed text; empty when it is not.
QList<Element> elementsOf(const std::string& text, QString* problem) {
    QXmlStreamReader reader(QByteArray::fromStdString(text));
    QList<Element> elements;
    while (!reader.atEnd()) {
        if (reader.readNext() != QXmlStreamReader::StartElement)
            continue;
        Element element{reader.name().toString(), reader.attributes().value("class").toString(), {}};
        for (const auto& attribute : reader.attributes())
            element.attributes.insert(attribute.qualifiedName().toString(), attribute.value().toString());
        elements << element;
    }
    if (reader.hasError())
        *problem = QString("%1: %2").arg(reader.lineNumber()).arg(reader.errorString());
    return reader.hasError() ? QList<Element>{} : elements;
}

} // namespace

void TestReports::numbers() {
    QCOMPARE(exactNumber(0.1), "0.1");
    QCOMPARE(exactNumber(-std::numeric_limits<double>::infinity()), "-inf");
    QCOMPARE(shownNumber(-1.0 / 3), "−0.33333");
    QCOMPARE(shownNumber(6.02e23, 3), "6.02e+23");
    QCOMPARE(shownNumber(1e-7, 3), "1e−07");
    QCOMPARE(fixedNumber(-0.04, 1), "0.0");
    QCOMPARE(fixedNumber(-0.06, 1), "−0.1");
    QCOMPARE(fixedNumber(1e300, 2).size(), std::size_t{304});
    QCOMPARE(groupedNumber(0), "0");
    QCOMPARE(groupedNumber(999), "999");
    QCOMPARE(groupedNumber(1000), "1,000");
    QCOMPARE(groupedNumber(-1234567), "−1,234,567");
    QCOMPARE(groupedNumber(std::numeric_limits<std::int64_t>::min()), "−9,223,372,036,854,775,808");
}

void TestReports::text_data() {
    QTest::addColumn<QByteArray>("raw");
    QTest::addColumn<QByteArray>("html");
    QTest::newRow("plain") << QByteArray("a.b") << QByteArray("a.b");
    QTest::newRow("markup") << QByteArray("<b a='1'>&\"") << QByteArray("&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    QTest::newRow("letters") << QByteArray("ä€😀") << QByteArray("ä€😀");
    QTest::newRow("escape") << QByteArray("\x1b[1m") << QByteArray("�[1m");
    QTest::newRow("zero") << QByteArray("a\0b", 3) << QByteArray("a�b");
    QTest::newRow("cut") << QByteArray("\xe2\x82") << QByteArray("��");
    QTest::newRow("overlong") << QByteArray("\xc0\xbc") << QByteArray("��");
    QTest::newRow("surrogate") << QByteArray("\xed\xa0\x80") << QByteArray("���");
    QTest::newRow("beyond") << QByteArray("\xf4\x90\x80\x80") << QByteArray("����");
}

void TestReports::text() {
    QFETCH(QByteArray, raw);
    QTEST(QByteArray::fromStdString(htmlText(raw.toStdString())), "html");
}

void TestReports::tableHasTheReportsNumbers() {
    const Run run("linear_round");
    const Json json = report(run.model, run.session->sampleCount(), run.session->slots(), run.formats, *run.result);
    const QList<QStringList> rows = cellsOf(csvReport(run.subject()));
    QCOMPARE(rows.size(), qsizetype(json["tensors"].size()) + 1);
    QVERIFY(rows.size() > 3);
    for (const QStringList& row : rows.mid(1)) {
        QCOMPARE(row.size(), rows.first().size());
        const Json& tensor = json["tensors"][row.first().toStdString()];
        for (const auto& [column, key] : QMap<QString, std::string>{
                 {"count", "count"},
                 {"min", "min"},
                 {"max", "max"},
                 {"mean", "mean"},
                 {"deviation", "deviation"},
                 {"overflow_low", "overflow_low"},
                 {"overflow_high", "overflow_high"},
                 {"underflow", "underflow"},
                 {"reference_sqnr_db", "reference_sqnr_db"},
                 {"mse", "mse"},
                 {"max_error", "max_error"},
                 {"bias_lsb", "bias_lsb"},
                 {"outward_bias_lsb",
                  "outward_bias_lsb"}}.toStdMap()) {
            const QString cell = row[rows.first().indexOf(column)];
            const double expected =
                tensor[key].is_string() ? QString::fromStdString(tensor[key]).toDouble() : tensor[key].get<double>();
            QVERIFY2(cell.toDouble() == expected, qPrintable(row.first() + " " + column + ": " + cell));
        }
        QCOMPARE(row[rows.first().indexOf("format")], QString("s0.5"));
        QCOMPARE(row[rows.first().indexOf("total_bits")], QString("6"));
    }
}

void TestReports::pageIsWhole() {
    const Run run("linear_round");
    const std::string page = htmlReport(run.subject(), "{\"a\": \"</pre><script>\"}");
    QString problem;
    const QList<Element> elements = elementsOf(page, &problem);
    QVERIFY2(!elements.isEmpty(), qPrintable(problem));
    int bars = 0, sections = 0;
    for (const Element& element : elements) {
        QVERIFY(element.name != "script" && element.name != "link" && element.name != "img");
        bars += element.name == "a" && element.attributes["href"].startsWith("#t");
        sections += element.name == "section";
        QVERIFY(!element.attributes.contains("src"));
    }
    QCOMPARE(sections, int(run.session->slots().size()));
    QCOMPARE(bars, 2 * sections); // in the network, and in the table
    QVERIFY(page.find("url(") == std::string::npos && page.find("http") == std::string::npos);
    QVERIFY(page.find("&lt;net&gt; &amp; &quot;co&quot;") != std::string::npos);
    QCOMPARE(page, htmlReport(Run("linear_round").subject(), "{\"a\": \"</pre><script>\"}"));
}

void TestReports::pageIsTheSameInAnyLocale() {
    const Run run("linear_round");
    const std::string page = htmlReport(run.subject(), "{}"), table = csvReport(run.subject());
    for (const char* locale : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"}) {
        if (!std::setlocale(LC_ALL, locale))
            continue;
        const std::string again = htmlReport(run.subject(), "{}"), tableAgain = csvReport(run.subject());
        std::setlocale(LC_ALL, "C");
        QVERIFY(page == again && table == tableAgain);
    }
    QVERIFY(table.find(';') == std::string::npos);
}

/// Figures of more tensors than get a plot: the worst of them do, and the page stays of a size that can be sent.
void TestReports::pageOfManyTensors() {
    const Run run("linear_round");
    std::vector<SlotInfo> slots;
    Formats formats;
    RunResult result;
    const std::size_t count = kPlottedTensors + 10;
    for (std::size_t i = 0; i < count; ++i) {
        slots.push_back(run.session->slots()[i % run.session->slots().size()]);
        slots.back().path += "." + std::to_string(i);
        formats.push_back({6, 5, {}, {}, {}});
        auto figures = *run.result->slots[i % run.session->slots().size()];
        if (i < 10)
            figures.figures.referenceSquaredError = {}; // without error: the ten best
        result.slots.push_back(std::make_shared<SlotResult>(figures));
    }
    const ReportSubject subject{run.model, {}, 1, slots, formats, result};
    const std::string page = htmlReport(subject, "{}");
    QString problem;
    const QList<Element> elements = elementsOf(page, &problem);
    QVERIFY2(!elements.isEmpty(), qPrintable(problem));
    QSet<QString> sections;
    for (const Element& element : elements) {
        if (element.name == "section")
            sections << element.attributes["id"];
    }
    QCOMPARE(std::size_t(sections.size()), kPlottedTensors);
    QVERIFY(!sections.contains("t0") && !sections.contains("t9") && sections.contains("t10"));
    QVERIFY2(page.size() * 200 / count < 5'000'000, qPrintable(QString::number(page.size())));
}

void TestReports::word_data() {
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    for (const auto& [total, fraction] : {std::pair{6, 4}, {2, 0}, {8, 12}, {8, -3}, {16, 8}})
        QTest::addRow("T=%d F=%d", total, fraction) << total << fraction;
}

/// One bar per power of two and sign, as high as its count; the bits stand over their own weights.
void TestReports::word() {
    QFETCH(int, total);
    QFETCH(int, fraction);
    Histograms histograms;
    QMap<int, std::pair<int, int>> counts; // exponent → negative, positive
    for (int exponent = -9; exponent <= 3; ++exponent) {
        counts[exponent] = {10 + exponent, 100 - 3 * exponent};
        histograms.log2[std::size_t(exponent + 127)] = counts[exponent].second;
        histograms.log2[std::size_t(exponent + 127 + 256)] = counts[exponent].first;
    }
    QString problem;
    const QList<Element> elements = elementsOf(wordPlot(histograms, {total, fraction, {}, {}, {}}), &problem);
    QVERIFY2(!elements.isEmpty(), qPrintable(problem));
    const int greatest = std::max(3, total - fraction - 1), least = std::min(-9, -fraction);
    const double step = std::min(32.0, 640.0 / (greatest - least + 1));
    int bits = 0, bars = 0;
    for (const Element& element : elements) {
        if (element.name != "rect" || element.look == "base")
            continue;
        const int exponent = greatest - int(std::floor(element.at("x") / step));
        if (element.look == "sign" || element.look == "whole" || element.look == "fraction") {
            ++bits;
            QVERIFY(exponent <= total - fraction - 1 && exponent >= -fraction);
            QCOMPARE(element.look == "sign", exponent == total - fraction - 1);
            continue;
        }
        ++bars;
        const bool negative = element.look.startsWith("neg");
        const int count = negative ? counts[exponent].first : counts[exponent].second;
        QVERIFY(std::abs(element.at("height") - 94.0 * count / (1 + 127)) < 0.01); // the highest: 1 and 127 at 2⁻⁹
        QCOMPARE(element.look.contains("over"), std::ldexp(1.0, exponent) >= std::ldexp(1.0, total - fraction - 1));
        QCOMPARE(element.look.contains("lost"), std::ldexp(1.0, exponent + 1) <= std::ldexp(1.0, -fraction));
    }
    QCOMPARE(bits, total);
    QCOMPARE(bars, 26);
}

QTEST_GUILESS_MAIN(TestReports)
#include "tst_reports.moc"
